// From the table of nouns to commander: options before and behind the action, help with examples, nearest right words.
import { Command, CommanderError, Option as CommanderOption } from 'commander';
import { AdminClient } from '../admin/client.ts';
import { MusterError } from '../errors.ts';
import { version } from '../package-root.ts';
import { NOUNS } from './nouns.ts';
import type { Action, Context, Given, Noun, Option } from './table.ts';
import { createTerminal } from './terminal.ts';

export const DEFAULT_SOCKET = '/run/muster/admin.sock';

/** Options of every command, before or behind its action. */
export const COMMON_OPTIONS: readonly Option[] = [
  { flags: '--socket <path>', meaning: `the daemon's socket; else MUSTER_SOCKET, else ${DEFAULT_SOCKET}` },
  { flags: '--json', meaning: 'output for programs' },
  { flags: '--yaml', meaning: 'the same as YAML' },
  { flags: '--fields <names>', meaning: 'only these fields, with commas' },
  { flags: '--table', meaning: 'one line per object' },
  { flags: '--show-uids', meaning: 'show UIDs beside names' },
  { flags: '--human', meaning: 'times and sizes for people (as is the default)' },
  { flags: '--dry-run', meaning: 'say what would be changed, and change nothing' },
  { flags: '-q, --quiet', meaning: 'say nothing but errors' },
  { flags: '-v, --verbose', meaning: 'say more; -vv more still', repeats: true },
];

export const SELECTION_OPTIONS: readonly Option[] = [
  {
    flags: '-i, --ids <id>',
    meaning: 'select by name, UID (5 digits or more); nodes also by MAC, IP, index, n[0-3,7], %group',
    repeats: true,
  },
  { flags: '-a, --all', meaning: 'select all' },
];

/** Runs a command line (without the program's own name); answers the exit status. */
export async function runCommandLine(words: readonly string[]): Promise<number> {
  let status = 0;
  const program = buildProgram(async (noun, action, given, socketOption) => {
    status = await perform(noun, action, given, socketOption, words);
  });
  try {
    await program.parseAsync(words, { from: 'user' });
    return status;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    throw error;
  }
}

type Perform = (noun: Noun, action: Action, given: Given, socket: string | undefined) => Promise<void>;

export function buildProgram(run: Perform): Command {
  const program = new Command('muster')
    .description('The command line of musterd: nodes, boot configs, images, and what each node is doing.')
    .version(version)
    .exitOverride()
    .showHelpAfterError(false)
    .addHelpText(
      'after',
      '\nExamples:\n  muster node ls\n  muster node -i n0 timeline\n  muster boot -i DefaultBoot update kernel=@/boot/vmlinuz\n',
    );
  for (const noun of NOUNS) program.addCommand(nounCommand(noun, run));
  return program;
}

function nounCommand(noun: Noun, run: Perform): Command {
  const command = new Command(noun.name).description(noun.summary).aliases(noun.aliases).exitOverride();
  if (noun.run) return actionCommand(command, noun, noun.run, run);
  addOptions(command, noun.selects ? [...SELECTION_OPTIONS, ...COMMON_OPTIONS] : COMMON_OPTIONS);
  for (const action of noun.actions) {
    const child = new Command(action.name).aliases(action.aliases ?? []).exitOverride();
    command.addCommand(actionCommand(child, noun, action, run));
  }
  return command;
}

function actionCommand(command: Command, noun: Noun, action: Action, run: Perform): Command {
  command.description(action.summary);
  addOptions(command, action.options ?? []);
  addOptions(command, noun.selects ? [...SELECTION_OPTIONS, ...COMMON_OPTIONS] : COMMON_OPTIONS);
  if (action.words) command.arguments(action.words);
  if (action.examples)
    command.addHelpText('after', `\nExamples:\n${action.examples.map(line => `  ${line}`).join('\n')}\n`);
  command.action(async () => {
    const options = merge(command.parent?.opts() ?? {}, command.opts());
    await run(noun, action, givenBy(options, command.args), options['socket'] as string | undefined);
  });
  return command;
}

function addOptions(command: Command, options: readonly Option[]): void {
  for (const { flags, meaning, repeats } of options) {
    const option = new CommanderOption(flags, meaning);
    if (repeats && option.required)
      option.argParser((value: string, previous: string[] | undefined) => [...(previous ?? []), value]);
    else if (repeats) option.argParser((_value: unknown, previous: number | undefined) => (previous ?? 0) + 1);
    command.addOption(option);
  }
}

/** `-i` before and behind the action add up; of anything else the last word counts. */
function merge(outer: Record<string, unknown>, inner: Record<string, unknown>): Record<string, unknown> {
  const ids = [outer['ids'], inner['ids']].flat().filter(id => id !== undefined);
  return { ...outer, ...inner, ...(ids.length > 0 && { ids }) };
}

function givenBy(options: Record<string, unknown>, words: readonly string[]): Given {
  const { ids = [], all, json, yaml, quiet, verbose, showUids, dryRun, fields, table, ...own } = options;
  return {
    ids: ids as string[],
    all: all === true,
    json: json === true,
    yaml: yaml === true,
    quiet: quiet === true,
    verbose: Number(verbose ?? 0),
    showUids: showUids === true,
    dryRun: dryRun === true,
    fields: typeof fields === 'string' ? fields.split(',').map(name => name.trim()) : undefined,
    table: table === true,
    options: own,
    words: [...words],
  };
}

async function perform(
  noun: Noun,
  action: Action,
  given: Given,
  socketOption: string | undefined,
  words: readonly string[],
): Promise<number> {
  const socket = socketOption ?? process.env['MUSTER_SOCKET'] ?? DEFAULT_SOCKET;
  let client: AdminClient | undefined;
  const context: Context = {
    given,
    socket,
    terminal: createTerminal({ quiet: given.quiet }),
    kind: noun.kind,
    get client() {
      client ??= new AdminClient({ socket, command: words.join(' ') });
      return client;
    },
  };
  if (given.json && given.yaml) throw new MusterError('bad-usage', '--json and --yaml exclude each other.');
  try {
    return await action.run(context);
  } finally {
    await client?.close();
  }
}
