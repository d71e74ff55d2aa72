// `muster boot explain`: what musterd would answer at each stage of a boot, and what an update would change.
import {
  FIRMWARES,
  type Firmware,
  REHEARSAL,
  type Rehearsal,
  type RehearsedStage,
  type TriedFile,
  type Update,
} from '../api/rehearsal.ts';
import { digestFile } from '../durable/digest.ts';
import { MusterError, reasonOf } from '../errors.ts';
import { kernelRelease } from '../image/kernel-release.ts';
import { readAssignments } from './assignments.ts';
import { fileFieldsOf } from './commands.ts';
import { changeLines } from './file-changes.ts';
import { explainFile } from './file-trace.ts';
import { isForPrograms, printData } from './listing.ts';
import { chosen } from './selection.ts';
import { action, type Context, type Given, type Option, type OptionsOf } from './table.ts';

const FIRMWARE_NAMES = Object.keys(FIRMWARES);

/** The options that choose the boot and the update. */
export const REHEARSAL_OPTIONS = [
  {
    flags: '--arch <firmware>',
    meaning: `the firmware: ${FIRMWARE_NAMES.join(', ')}; default: the firmware of the last boot`,
    takes: { words: FIRMWARE_NAMES },
  },
  {
    flags: '--network <name>',
    meaning: "the network of the request: boot, or a name in [[networks]]; default: the network of the node's address",
  },
  {
    flags: '--update <name=value...>',
    meaning:
      'show what would change with this set: attributes of the node (_boot_style=roram) or of a group (%gpu._boot_style=roram), fields of its boot config (cmdline=, image=, kernel=@FILE), fields of the node (ip=, groups=, node.cmdline=)',
    repeats: true,
    takes: 'update',
  },
  {
    flags: '--clear <attribute>',
    meaning: 'show what would change without this attribute of the node',
    repeats: true,
    takes: 'attribute-names',
  },
  {
    flags: '--file <path>',
    meaning: 'show one file that its file sets give, with set, template line and values of each line',
  },
] as const satisfies readonly Option[];

export type RehearsalOptions = OptionsOf<typeof REHEARSAL_OPTIONS>;

/** Returns whether an action's options request the stages. */
export function asksForStages({ options }: Given<RehearsalOptions>): boolean {
  return [options.arch, options.network, options.update, options.clear, options.file].some(
    value => value !== undefined,
  );
}

export const bootExplain = action({
  name: 'explain',
  words: '[nodes...]',
  takes: { names: 'node' },
  summary:
    'show what a node would receive at each stage of a boot, down to the last DHCP option, without sending a packet; here -i selects nodes',
  options: REHEARSAL_OPTIONS,
  examples: [
    'muster boot explain n37',
    'muster boot explain n37 --arch http',
    'muster boot explain n37 --update _boot_style=roram cmdline="console=ttyS0 quiet"',
    'muster boot explain n37 --file /etc/hosts',
    'muster boot explain 52:54:00:12:34:56',
    'muster boot explain 52:54:00:12:34:56 --network rack2',
  ],
  run: explainStages,
});

export async function explainStages(context: Context<RehearsalOptions>): Promise<number> {
  const { client, given, terminal } = context;
  const { arch, network, update = [], clear = [], file } = given.options;
  // `--update` takes all words after it; words that are not assignments are nodes.
  const words = [...given.words, ...update.filter(word => !word.includes('='))];
  if (file !== undefined && update.length + clear.length > 0)
    throw new MusterError('bad-usage', '--file shows the present; leave out --update and --clear.');
  if (file !== undefined) return explainFile(context, file, words);
  const query = chosen(given, words);
  if (Object.keys(query).length === 0)
    throw new MusterError('bad-usage', "'explain' needs a node, or a MAC address: muster boot explain n37");
  const body = {
    // The daemon checks the word
    ...(arch !== undefined && { arch: arch as Firmware }),
    ...(network !== undefined && { network }),
    update: {
      ...(await withFiles(readAssignments(update.filter(word => word.includes('='))))),
      ...Object.fromEntries(clear.map(name => [name, null])),
    },
  };
  const found = await client.call(REHEARSAL.rehearse, { query, body });
  if (isForPrograms(given)) printData(terminal, given, found);
  else terminal.write(found.map(one => rehearsalText(context, one)).join('\n'));
  return found.some(({ stages, after }) => (after ?? stages).some(({ result }) => result === 'refused')) ? 1 : 0;
}

/** Reads `kernel=@FILE` as its digest, without sending the file. */
async function withFiles(given: Record<string, string>): Promise<Update> {
  const files = fileFieldsOf('boot');
  const result: Update = {};
  for (const [name, value] of Object.entries(given)) {
    const field = name.replace(/^boot\./, '');
    result[name] = files.includes(field) && value.startsWith('@') ? await digestOf(field, value.slice(1)) : value;
  }
  return result;
}

async function digestOf(field: string, file: string): Promise<TriedFile> {
  try {
    const { whole: sha256, size } = await digestFile(file, { follow: true });
    const release = field === 'kernel' ? await kernelRelease(file) : undefined;
    return { sha256, size, ...(release !== undefined && { release }) };
  } catch (error) {
    if (error instanceof MusterError) throw error;
    throw new MusterError('bad-value', `${file}: cannot be read: ${reasonOf(error)}`);
  }
}

function rehearsalText({ terminal }: Context, found: Rehearsal): string {
  const { name, mac, firmware, assumed, remarks, stages, update, differences = [], files = [] } = found;
  const who = name === undefined ? `${mac}, which belongs to no node,` : `${name} (${mac})`;
  const lines = [
    `${terminal.bold(who)} by ${firmware} firmware${assumed ? ` (${assumed})` : ''}: nothing was sent, nothing was changed`,
    ...remarks.map(text => `  ${text}`),
  ];
  if (!update) return `${[...lines, ...stages.flatMap(stage => stageLines(terminal, stage))].join('\n')}\n`;
  const words = Object.entries(update).map(([key, value]) => (value === null ? `${key} cleared` : `${key}=${value}`));
  lines.push(`  With ${words.join(', ')}:${differences.length === 0 ? ' nothing would change.' : ''}`);
  for (const { number, stage, lines: changed } of differences) {
    lines.push(`  ${String(number).padStart(2)} ${terminal.bold(stage)}`);
    lines.push(...changed.map(line => `     ${line.startsWith('-') ? terminal.red(line) : terminal.green(line)}`));
  }
  if (files.length > 0) lines.push('  Its files:', ...files.flatMap(change => changeLines(terminal, change)));
  return `${lines.join('\n')}\n`;
}

function stageLines(
  terminal: Context['terminal'],
  { number, stage, result, summary, lines }: RehearsedStage,
): string[] {
  const mark = { answered: terminal.green('✓'), refused: terminal.red('✗'), skipped: ' ' }[result];
  const words =
    result === 'skipped' ? terminal.dim(`(${summary})`) : result === 'refused' ? terminal.red(summary) : summary;
  return [
    `  ${String(number).padStart(2)} ${mark} ${terminal.bold(stage.padEnd(10))} ${words}`,
    ...lines.map(line => `       ${line}`),
  ];
}
