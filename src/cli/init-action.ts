// `muster init`: makes this machine a head. Writes the configuration, creates the defaults, prints the next steps. A second run changes nothing.
import { existsSync, readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { DAEMON, type Health } from '../api/daemon.ts';
import { ERRORS, MusterError, reasonOf } from '../errors.ts';
import { parseClusterConf } from '../model/cluster-conf.ts';
import { kernelAddresses } from '../wire/kernel-addresses.ts';
import { planFile, writeFile } from './init-file.ts';
import { makeObjects } from './init-objects.ts';
import { type Address, type InitPlan, type Interfaces, planInit } from './init-plan.ts';
import { isForPrograms, printData } from './listing.ts';
import { action, type Context, type Option, type OptionsOf } from './table.ts';

export const DEFAULT_CONFIG_FILE = '/etc/muster/muster.toml';

export const INIT_OPTIONS = [
  { flags: '--interface <name>', meaning: 'the interface of the boot network; default: the only one' },
  {
    flags: '--address <address>',
    meaning: "the head's address on it, ADDRESS/PREFIX; default: the interface's address",
  },
  { flags: '--range <range>', meaning: 'addresses of nodes: FIRST or FIRST-LAST' },
  { flags: '--nodes <count>', meaning: 'the largest number of nodes' },
  {
    flags: '--cluster-conf <file>',
    meaning: 'read these values from a cluster-conf file; options override it',
    takes: 'files',
  },
  {
    flags: '--config <file>',
    meaning: `the configuration to write; default: ${DEFAULT_CONFIG_FILE}`,
    takes: 'files',
  },
  {
    flags: '--with-defaults',
    meaning: 'also create a distro, DefaultImage and DefaultBoot; needs a running musterd and takes minutes',
  },
  { flags: '--force', meaning: 'replace a different configuration; the old one is kept next to it' },
] as const satisfies readonly Option[];

export type InitActionOptions = OptionsOf<typeof INIT_OPTIONS>;

export const initRun = action({
  name: 'init',
  summary: 'set up this machine as a head: configuration, default attribute group, naming pool, nodes',
  options: INIT_OPTIONS,
  examples: [
    'muster init --interface eth1',
    'muster init --interface eth1 --with-defaults',
    'muster init --address 10.54.0.1/24 --range 10.54.0.100-10.54.0.199',
    'muster init --cluster-conf cluster-conf --dry-run',
  ],
  run: init,
});

/**
 * Does the work of `muster init`, also for `muster install`. Returns the exit status.
 * @param goesOn whether the caller does more if all is well, and reports the next steps later
 */
export async function init(context: Context<InitActionOptions>, goesOn = false): Promise<number> {
  const { given, terminal } = context;
  const { options } = given;
  const file = given.config ?? DEFAULT_CONFIG_FILE;
  const plan = planHead(options);
  const change = planFile(file, plan.config);
  if (change.existed && change.text !== undefined && !options.force) {
    throw new MusterError(
      'conflict',
      `${file} has other values; change it, or use --force:\n  ${change.differences.join('\n  ')}`,
    );
  }
  const old = given.dryRun ? undefined : await writeFile(file, change);
  const written =
    change.text === undefined
      ? []
      : [change.existed ? `changed ${file}${old === undefined ? '' : `; the old one is ${old}`}` : `wrote ${file}`];
  const isMore = [options.range, options.nodes, options.clusterConf].some(one => one !== undefined);
  const head = { file, address: plan.config['head.address'] ?? '', isMore, hasFile: change.existed || !given.dryRun };
  const daemon = await withDaemon(context, head, async () => {
    const made = await makeObjects(context.client, plan, given.dryRun);
    if (!options.withDefaults) return made;
    // Loaded here because it loads the image code.
    const { makeDefaults } = await import('./install/defaults.ts');
    const defaults = await makeDefaults(context);
    // Does what is left for a first image, or reports why not.
    return { done: [...made.done, ...defaults.done], next: [...made.otherNext, ...defaults.next] };
  });
  const done = [...written, ...daemon.done];
  const next = [...plan.remarks, ...daemon.next];
  if (goesOn && daemon.status === 0) {
    if (!isForPrograms(given))
      for (const line of [...changesText(file, change.differences), ...done]) terminal.write(`${line}\n`);
  } else if (isForPrograms(given))
    printData(terminal, given, { file, config: change.differences, done, next, dry_run: given.dryRun });
  else terminal.write(reportText({ file, differences: change.differences, done, next, isDryRun: given.dryRun }));
  return daemon.status;
}

/** Decides what the options mean for this machine. Throws `bad-usage` for what it cannot decide. */
export function planHead(options: InitActionOptions): InitPlan {
  return planInit(options, readConf(options.clusterConf), interfacesHere());
}

/** Returns the machine's interfaces; those without a link, which Node omits, from the kernel's tables. */
function interfacesHere(): Interfaces {
  const listed = networkInterfaces();
  const table = (file: string): string => (existsSync(file) ? readFileSync(file, 'utf8') : '');
  const all: Record<string, readonly Address[]> = {};
  for (const [name, addresses] of Object.entries(listed)) if (addresses) all[name] = addresses;
  for (const { name, address, cidr } of kernelAddresses(table('/proc/net/route'), table('/proc/net/fib_trie')))
    if (!listed[name]) all[name] = [...(all[name] ?? []), { family: 'IPv4', internal: false, address, cidr }];
  return all;
}

function readConf(file: string | undefined) {
  if (file === undefined) return { macs: [] };
  let content: string;
  try {
    content = readFileSync(file, 'utf8');
  } catch (error) {
    throw new MusterError('bad-value', `${file}: cannot be read: ${reasonOf(error)}`, { cause: error });
  }
  return parseClusterConf(content, file);
}

interface Outcome {
  done: string[];
  next: string[];
  status: number;
}

/** Objects need a daemon with this configuration; without one, this prints the next steps. */
async function withDaemon(
  context: Context,
  { file, address, isMore, hasFile }: { file: string; address: string; isMore: boolean; hasFile: boolean },
  work: () => Promise<{ done: string[]; next: string[] }>,
): Promise<Outcome> {
  let health: Health;
  try {
    health = await context.client.call(DAEMON.health);
  } catch (error) {
    // A dry run has not written the file that names the socket
    const isAbsent = error instanceof MusterError && (error.code === 'not-running' || !hasFile);
    if (!isAbsent) throw error;
    const start = `systemctl enable --now musterd   # or by hand: musterd --config ${file}`;
    // A head creates its initial objects by itself; anything more needs a daemon.
    const more = 'the same muster init again, for the range and the nodes that you gave';
    const next = [start, isMore ? more : 'sudo muster doctor', 'then an image: docs/quick-start.md'];
    // The daemon comes after its configuration, so it is no failure that it is not running yet.
    return { done: [], next, status: 0 };
  }
  if (health.address !== address) {
    const next = [`systemctl restart musterd   # it still serves ${health.address}`, 'muster init again'];
    return { done: [], next, status: ERRORS['not-ready'].exit };
  }
  return { ...(await work()), status: 0 };
}

const changesText = (file: string, differences: readonly string[]): string[] =>
  differences.map(line => `${file}: ${line}`);

function reportText(report: {
  file: string;
  differences: string[];
  done: string[];
  next: string[];
  isDryRun: boolean;
}): string {
  const { differences, done, next, isDryRun } = report;
  const lines = [
    ...changesText(report.file, differences),
    ...(done.length > 0 ? done : ['Nothing to change.']),
    ...(isDryRun ? ['Dry run: nothing was changed.'] : []),
    ...(next.length > 0 ? ['Next steps:', ...next.map(line => `  ${line}`)] : ['This head is ready.']),
  ];
  return `${lines.join('\n')}\n`;
}
