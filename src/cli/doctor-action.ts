// `muster doctor`: checks this head and prints each finding with its remedy.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { DAEMON, type RunningConfig } from '../api/daemon.ts';
import { NODES } from '../api/nodes.ts';
import { OBJECTS } from '../api/objects.ts';
import { STORAGE, type VerifyLine } from '../api/storage.ts';
import { loadConfig } from '../config.ts';
import type { Finding, Patient, Verdict } from '../doctor/finding.ts';
import { MusterError, reasonOf } from '../errors.ts';
import { DEFAULT_CONFIG_FILE } from './init-action.ts';
import { isForPrograms, printData } from './listing.ts';
import { action, type Context, type Option, type OptionsOf } from './table.ts';
import type { Terminal } from './terminal.ts';

/** The default wait for offers of other DHCP servers, in seconds. ISC's server pings for 1 s before it offers. */
const WAIT_SECONDS = 3;

const OPTIONS = [
  {
    flags: '--deep',
    meaning: 'compare every stored file with its digest; takes as long as a backup',
  },
  { flags: '--no-probe', meaning: 'do not send a DISCOVER to find other DHCP servers' },
  { flags: '--wait <seconds>', meaning: `how long to wait for their offers; default: ${WAIT_SECONDS}` },
] as const satisfies readonly Option[];

type DoctorOptions = OptionsOf<typeof OPTIONS>;

export const doctorRun = action({
  name: 'doctor',
  summary:
    'check this head: interface, ports, other DHCP servers, firewall, kernel limits, loaders, disk, clock, permissions; prints a remedy for each finding',
  options: OPTIONS,
  examples: ['sudo muster doctor', 'sudo muster doctor --deep', 'muster doctor --no-probe --json'],
  async run(context) {
    const { given, terminal } = context;
    // Loaded here because no other command needs it.
    const { examine } = await import('../doctor/doctor.ts');
    const findings = await examine(await patientOf(context));
    const isWell = findings.every(({ verdict }) => verdict !== 'fail');
    if (isForPrograms(given)) printData(terminal, given, { well: isWell, findings });
    else terminal.write(reportText(findings, terminal));
    return isWell ? 0 : 1;
  },
});

async function patientOf(context: Context<DoctorOptions>): Promise<Patient> {
  const { config: named } = context.given;
  const { probe, wait } = context.given.options;
  const seconds = Number(wait ?? WAIT_SECONDS);
  if (!(seconds > 0 && seconds <= 60))
    throw new MusterError('bad-usage', `--wait '${wait}' must be a number of seconds from 1 to 60.`);
  const { chooseConfiguration } = await import('../doctor/configuration.ts');
  const usual = existsSync(DEFAULT_CONFIG_FILE) ? DEFAULT_CONFIG_FILE : undefined;
  const { running, ...daemon } = await daemonOf(context);
  const choice = { named: named === undefined ? undefined : resolve(named), usual, running, socket: context.socket };
  const { config, file, finding: chosen } = chooseConfiguration(choice, loadConfig);
  const isRoot = process.getuid?.() === 0;
  const nodes = isRoot && probe !== false && daemon.health ? await addressOwners(context) : [];
  const damaged = context.given.options.deep === true && daemon.health ? await damagedFiles(context) : undefined;
  return {
    config,
    file,
    chosen,
    isRoot,
    nodes,
    damaged,
    probeMs: probe === false ? undefined : seconds * 1000,
    ...daemon,
  };
}

type OfDaemon = Pick<Patient, 'health' | 'silence' | 'missing' | 'short'> & { running: RunningConfig | undefined };

async function daemonOf({ client }: Context): Promise<OfDaemon> {
  try {
    const health = await client.call(DAEMON.health);
    // An older daemon does not report it.
    const running = await client.call(DAEMON.configuration).catch(() => undefined);
    const { missing, short } = await client.call(STORAGE.collect, { query: { dry_run: 'true' } });
    return { health, silence: undefined, missing, short, running };
  } catch (error) {
    return { health: undefined, silence: reasonOf(error), missing: [], short: [], running: undefined };
  }
}

/** Returns the nodes that have an address, with every hardware address that they reported. */
async function addressOwners({ client }: Context): Promise<Patient['nodes']> {
  const [nodes, states] = await Promise.all([
    client.call(OBJECTS.list, { kind: 'node' }),
    client.call(NODES.status, { query: { all: 'true' } }),
  ]);
  const known = new Map(states.map(one => [one.uid, one]));
  return nodes.flatMap(({ uid, name, ip, mac }) => {
    if (typeof ip !== 'string' || typeof mac !== 'string' || ip === '') return [];
    const { state, hardware } = known.get(uid) ?? {};
    return [{ name, ip, isUp: state === 'up', macs: [mac, ...(hardware?.['macs']?.split(/[ ,]+/) ?? [])] }];
  });
}

/** Reads all stored files, by the daemon, with a bar. */
async function damagedFiles({ client, terminal }: Context): Promise<NonNullable<Patient['damaged']>> {
  const bar = terminal.progress('reading stored files');
  const damaged: Extract<VerifyLine, { type: 'damaged' }>[] = [];
  try {
    for await (const line of client.lines(STORAGE.verify, {}))
      if (line.type === 'progress') bar.update(line.done, line.total);
      else damaged.push(line);
  } finally {
    bar.stop();
  }
  return damaged;
}

const SIGNS: Readonly<Record<Verdict, string>> = { ok: 'ok', warn: 'WARN', fail: 'FAIL', skip: 'skip' };

function reportText(findings: readonly Finding[], terminal: Terminal): string {
  const width = Math.max(...findings.map(({ check }) => check.length));
  const paint: Record<Verdict, (text: string) => string> = {
    ok: terminal.green,
    warn: terminal.bold,
    fail: terminal.red,
    skip: terminal.dim,
  };
  const lines = findings.flatMap(({ check, verdict, text, remedy }) => [
    `${paint[verdict](SIGNS[verdict].padEnd(4))}  ${check.padEnd(width)}  ${text}`,
    ...(remedy ?? '').split('\n').flatMap(line => (line ? [`${' '.repeat(width + 8)}-> ${line}`] : [])),
  ]);
  const count = (verdict: Verdict): number => findings.filter(item => item.verdict === verdict).length;
  const sum = `${counted(count('fail'), 'failure')}, ${counted(count('warn'), 'warning').toLowerCase()}.`;
  return `${lines.join('\n')}\n${sum}\n`;
}

function counted(count: number, what: string): string {
  return `${count === 0 ? 'No' : count} ${what}${count === 1 ? '' : 's'}`;
}
