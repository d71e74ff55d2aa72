// DHCP against Kea: perfdhcp drives each by turns. perfdhcp needs more than one of two processors and drops answers before either
// server does, so that the servers are held to a share of one; without that, only the most that came through is of use.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { packageRoot } from '../../src/package-root.ts';
import { run, runOk } from '../../src/process/run.ts';
import { costOf, Pair, type Served, serve } from './pair.ts';
import { processorShare } from './processor-share.ts';
import { type BenchRow, median, row } from './row.ts';

const HEAD = '10.54.0.1';
const NODES = 9000;
const ROUNDS = 5;
const SECONDS = 3;
const RATES = [8000, 10_000, 12_000, 14_000];
/** Of one processor. */
const SHARE = 0.4;
const SHARE_RATES = [1000, 1500, 2000, 2500, 3000, 3500, 4000, 4500, 5000, 5500, 6000, 6500, 7000, 7500];
const CALM = 1500;

interface Measured {
  /** The most whole exchanges a second with less than 1 % lost, by a share of one processor. */
  rate: number;
  /** The most at any rate that was offered, without a limit. */
  peak: number;
  /** Microseconds of processor time for an exchange. */
  cost: number;
  /** Milliseconds from DISCOVER to ACK, without the client's own time: the mean, and what 99 of 100 do not exceed. */
  delay: number;
  late: number;
  /** MiB after the first round of load, and after ten times as much. */
  memory: number;
  memoryLater: number;
}

export async function* benchDhcp(): AsyncGenerator<BenchRow> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-bench-'));
  const pair = new Pair();
  await pair.open(`${HEAD}/16`, '10.54.250.1/16');
  const servers = [() => startOurs(pair, folder), () => startKea(pair, folder)];
  const found: Measured[][] = [[], []];
  try {
    await prepareOurs(pair, folder);
    for (let round = 1; round <= ROUNDS; round += 1) {
      for (const [index, start] of servers.entries()) {
        const server = await start();
        try {
          const measured = await measure(pair, server);
          found[index]?.push(measured);
          process.stderr.write(
            `bench: round ${round} of ${ROUNDS}, ${index === 0 ? 'ours' : 'Kea'}: ${Math.round(measured.rate)} exchanges/s, ${Math.round(measured.cost)} us each\n`,
          );
        } finally {
          await server.stop();
        }
      }
    }
  } finally {
    await pair.close();
    await rm(folder, { recursive: true, force: true });
  }
  const of = (pick: (measured: Measured) => number) => {
    const [ours = 0, peer = 0] = found.map(list => median(list.map(pick)));
    return { ours, peer, peerName: 'Kea' };
  };
  const higher = { unit: '/s', higherIsBetter: true };
  const lower = { unit: 'ms', higherIsBetter: false };
  yield row({
    case: `exchanges with less than 1 % lost, by ${SHARE} of a processor`,
    ...of(item => item.rate),
    ...higher,
  });
  yield row({ case: 'exchanges, the most that came through unlimited', ...of(item => item.peak), ...higher });
  yield row({ case: 'processor time for an exchange', ...of(item => item.cost), ...lower, unit: 'us' });
  yield row({ case: `mean delay at ${CALM}/s`, ...of(item => item.delay), ...lower });
  yield row({ case: `99 % of delays at ${CALM}/s`, ...of(item => item.late), ...lower });
  yield row({ case: 'memory', ...of(item => item.memory), ...lower, unit: 'MiB' });
  yield row({ case: 'memory after ten times the load', ...of(item => item.memoryLater), ...lower, unit: 'MiB' });
}

async function measure(pair: Pair, server: Served): Promise<Measured> {
  const pid = server.child.pid ?? 0;
  await perfdhcp(pair, CALM);
  const calm = await perfdhcp(pair, CALM);
  const memory = costOf(pid).memory;
  let [peak, exchanged] = [0, 0];
  const before = costOf(pid).cpu;
  for (const offered of RATES) {
    const { exchanges } = await perfdhcp(pair, offered);
    peak = Math.max(peak, exchanges);
    exchanged += exchanges * SECONDS;
  }
  const cost = ((costOf(pid).cpu - before) * 1e6) / exchanged;
  const share = await processorShare(pid, SHARE);
  let [rate, failed] = [0, 0];
  try {
    for (const offered of SHARE_RATES) {
      const { exchanges, lost } = await perfdhcp(pair, offered);
      if (lost < 1) rate = Math.max(rate, exchanges);
      failed = lost < 1 ? 0 : failed + 1;
      if (failed === 3) break;
    }
    return { rate, peak, cost, delay: calm.delay, late: calm.late, memory, memoryLater: costOf(pid).memory };
  } finally {
    await server.stop();
    await share.end();
  }
}

interface Run {
  exchanges: number;
  /** Per cent. */
  lost: number;
  /** Milliseconds, as in `Measured`. */
  delay: number;
  late: number;
}

async function perfdhcp(pair: Pair, rate: number): Promise<Run> {
  const words = ['-4', '-l', 'eth0', '-R', `${NODES}`, '-r', `${rate}`, '-p', `${SECONDS}`, '-W', '500000', HEAD];
  // Its list of the time of each packet costs it much
  if (rate === CALM) words.unshift('-x', 't');
  // Its status says whether anything was lost.
  const { stdout } = await run(...pair.words(pair.nodes, ['perfdhcp', ...words]), { timeoutMs: 60_000 });
  const exchanges = Number(/^Rate: ([\d.]+)/m.exec(stdout)?.[1] ?? 0);
  const numbers = (pattern: RegExp) => Array.from(stdout.matchAll(pattern), match => Number(match[1]));
  const sent = numbers(/^sent packets: (\d+)/gm);
  const received = numbers(/^received packets: (\d+)/gm);
  const delays = numbers(/^avg delay: ([\d.]+) ms/gm);
  // Of the OFFERs that were due, how many whole exchanges there were; the last ones are still on their way when it stops.
  const lost = 100 * (1 - (received.at(-1) ?? 0) / Math.max(1, (sent[0] ?? 0) - rate * 0.01));
  return { exchanges, lost, delay: delays.reduce((sum, value) => sum + value, 0), late: lateOf(stdout) };
}

/** Of DISCOVER to OFFER and of REQUEST to ACK, what 99 of 100 do not exceed, together. */
function lateOf(stdout: string): number {
  return stdout
    .split('***Timestamps for packets')
    .slice(1)
    .reduce((sum, part) => {
      const times = Array.from(part.matchAll(/^sent \/ received: ([\d.]+) \/ ([\d.]+)$/gm));
      const delays = times
        .map(([, sent, received]) => Number(received) - Number(sent))
        .sort((one, other) => one - other);
      return sum + 1000 * (delays[Math.floor(delays.length * 0.99)] ?? 0);
    }, 0);
}

function configOf(folder: string): string {
  return join(folder, 'muster.toml');
}

async function startOurs(pair: Pair, folder: string): Promise<Served> {
  const words = [process.execPath, join(packageRoot, 'dist/src/main.js'), '--config', configOf(folder)];
  return serve(pair.words(pair.head, words), { ready: /musterd is ready/ });
}

/** A database with the nodes that perfdhcp plays. */
async function prepareOurs(pair: Pair, folder: string): Promise<void> {
  const nodes = Array.from({ length: NODES }, (_, index) => ({
    mac: (0x000c01020304 + index)
      .toString(16)
      .padStart(12, '0')
      .replace(/..(?!$)/g, '$&:'),
    ip: `10.54.${10 + Math.floor(index / 250)}.${1 + (index % 250)}`,
  }));
  await writeFile(join(folder, 'nodes.json'), JSON.stringify(nodes));
  const socket = join(folder, 'admin.sock');
  await writeFile(
    configOf(folder),
    `[head]\naddress = "${HEAD}/16"\n[paths]\nstate = "${folder}/state"\nsocket = "${socket}"\n[dhcp]\nrouter_advertisements = false\n`,
  );
  const server = await startOurs(pair, folder);
  try {
    const muster = [process.execPath, join(packageRoot, 'dist/src/cli/bin.js'), '--socket', socket];
    await runOk(muster[0] ?? '', [...muster.slice(1), 'node', 'create', '--content', `@${folder}/nodes.json`]);
  } finally {
    await server.stop();
  }
}

async function startKea(pair: Pair, folder: string): Promise<Served> {
  const config = {
    Dhcp4: {
      'interfaces-config': { interfaces: ['eth0'], 'dhcp-socket-type': 'raw' },
      'lease-database': { type: 'memfile', persist: true, name: join(folder, 'leases.csv'), 'lfc-interval': 0 },
      'multi-threading': { 'enable-multi-threading': true },
      'valid-lifetime': 3600,
      subnet4: [{ subnet: '10.54.0.0/16', pools: [{ pool: '10.54.10.1-10.54.60.250' }] }],
      loggers: [{ name: 'kea-dhcp4', severity: 'ERROR', output_options: [{ output: join(folder, 'kea.log') }] }],
    },
  };
  await rm(join(folder, 'leases.csv'), { force: true });
  await writeFile(join(folder, 'kea.json'), JSON.stringify(config));
  const env = { KEA_PIDFILE_DIR: folder, KEA_LOCKFILE_DIR: 'none' };
  const server = await serve(pair.words(pair.head, ['kea-dhcp4', '-c', join(folder, 'kea.json')]), { env });
  // It says nothing when it is ready.
  await delay(2000);
  return server;
}
