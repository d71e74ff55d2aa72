// A router advertisement with a lifetime of 0, by radvd: many iPXE builds wait up to 16 s for one at each start.
//
// It says that this head is no router and gives no address, so nodes and routers of the network stay as they are. Node cannot
// send ICMPv6 itself. musterd keeps radvd running; without it, it logs a line and continues.
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { monotonicNow } from '../clock.ts';
import { reasonOf } from '../errors.ts';
import { run } from '../process/run.ts';
import type { State, Stops } from './state.ts';

const PROGRAMS = ['/usr/sbin/radvd', '/sbin/radvd', '/usr/bin/radvd'];
/** Pauses between two starts, in milliseconds: the first, and the longest. */
const FIRST_WAIT = 1000;
const MOST_WAIT = 300_000;
/** A daemon that ran for this long was healthy. */
const WELL_MS = 60_000;

type Needs = Pick<State, 'config' | 'networks' | 'log'>;

/** Under systemd radvd is a separate unit, since it needs a raw socket; musterd's unit names the file that it reads. */
export async function startRouterAdvertiser(state: Needs, stops: Stops, environment = process.env): Promise<void> {
  const { config, networks, log } = state;
  if (!config['dhcp.router_advertisements'] || config['dhcp.mode'] === 'off') return;
  const devices = [...new Set(networks.attached.map(network => network.interface))].filter(name => name !== 'lo');
  if (devices.length === 0) return;
  const program = PROGRAMS.find(path => existsSync(path));
  if (program === undefined) {
    log.info(
      {},
      'radvd is not installed: where no router sends advertisements, many iPXE builds wait 16 s at each start; install it, or set dhcp.router_advertisements = false',
    );
    return;
  }
  const file = environment['MUSTER_RADVD_CONF'];
  if (file !== undefined) {
    await writeFile(file, advertiserConfig(devices), { mode: 0o644 });
    // Its unit looks for the file: without one there is nothing to send.
    stops.push(async () => rm(file, { force: true }));
    return;
  }
  const end = new AbortController();
  const running = supervise(state, program, devices, end.signal);
  stops.push(async () => {
    end.abort();
    await running;
  });
}

async function supervise(
  { config, log }: Pick<Needs, 'config' | 'log'>,
  program: string,
  devices: string[],
  signal: AbortSignal,
): Promise<void> {
  const folder = join(config['paths.state'], 'radvd');
  let wait = FIRST_WAIT;
  let told = '';
  while (!signal.aborted) {
    const begun = monotonicNow();
    let words: string;
    try {
      await mkdir(folder, { recursive: true, mode: 0o755 });
      await writeFile(join(folder, 'radvd.conf'), advertiserConfig(devices), { mode: 0o644 });
      words = await radvd(program, folder, signal);
    } catch (error) {
      words = reasonOf(error);
    }
    if (signal.aborted) return;
    if (words !== told) log.warn({ reason: words }, 'radvd ended; it is started again');
    told = words;
    if (monotonicNow() - begun > WELL_MS) wait = FIRST_WAIT;
    await delay(wait, undefined, { signal }).catch(() => {});
    wait = Math.min(MOST_WAIT, wait * 2);
  }
}

/** Runs until it ends or is stopped; returns its last output. It dies with this process, however that ends. */
async function radvd(program: string, folder: string, signal: AbortSignal): Promise<string> {
  const args = ['--nodaemon', '--config', join(folder, 'radvd.conf'), '--pidfile', join(folder, 'radvd.pid')];
  try {
    const words = ['--pdeathsig', 'TERM', '--', program, ...args, '--logmethod', 'stderr', '--debug', '1'];
    const { status, stderr } = await run('setpriv', words, { signal, keepBytes: 4096, package: 'util-linux' });
    return stderr.trim().split('\n').at(-1) || `status ${status}`;
  } catch (error) {
    if (signal.aborted) return 'it was stopped';
    throw error;
  }
}

/** radvd.conf(5). Without a prefix nobody gets an address from it. */
export function advertiserConfig(devices: readonly string[]): string {
  return devices
    .map(
      device => `interface ${device} {
    AdvSendAdvert on;
    AdvDefaultLifetime 0;
    IgnoreIfMissing on;
    MinRtrAdvInterval 3;
    MaxRtrAdvInterval 10;
};
`,
    )
    .join('');
}
