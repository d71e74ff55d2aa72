// DHCP against Kea: perfdhcp drives each by turns; the most exchanges per second with less than 1 % lost, the most at all, and the delay of a calm hour.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { packageRoot } from '../../src/package-root.ts';
import { run, runOk } from '../../src/process/run.ts';
import { costOf, Pair, type Served, serve } from './pair.ts';
import { type BenchRow, median, row } from './row.ts';

const HEAD = '10.54.0.1';
const NODES = 9000;
const ROUNDS = 5;
const SECONDS = 3;
const RATES = [2000, 4000, 6000, 8000, 12_000, 16_000, 20_000];
const CALM = 1500;

interface Measured {
  /** The most whole exchanges a second with less than 1 % lost, and at any rate that was offered. */
  rate: number;
  peak: number;
  delay: number;
  memory: number;
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
            `bench: round ${round} of ${ROUNDS}, ${index === 0 ? 'ours' : 'Kea'}: ${Math.round(measured.peak)} exchanges/s, ${Math.round(measured.rate)} with less than 1 % lost\n`,
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
  yield row({
    case: 'exchanges, the most that came through',
    ...of(item => item.peak),
    unit: '/s',
    higherIsBetter: true,
  });
  const calm = of(item => item.rate);
  // On a machine that is busy with something else neither may come through so well.
  if (calm.ours > 0 && calm.peer > 0)
    yield row({ case: 'exchanges with less than 1 % lost', ...calm, unit: '/s', higherIsBetter: true });
  yield row({ case: `mean delay at ${CALM}/s`, ...of(item => item.delay), unit: 'ms', higherIsBetter: false });
  yield row({ case: 'memory afterwards', ...of(item => item.memory), unit: 'MiB', higherIsBetter: false });
}

async function measure(pair: Pair, server: Served): Promise<Measured> {
  await perfdhcp(pair, CALM);
  const calm = await perfdhcp(pair, CALM);
  let [best, peak] = [0, 0];
  for (const rate of RATES) {
    const { exchanges, lost } = await perfdhcp(pair, rate);
    if (lost < 1) best = Math.max(best, exchanges);
    peak = Math.max(peak, exchanges);
  }
  return { rate: best, peak, delay: calm.delay, memory: costOf(server.child.pid ?? 0).memory };
}

async function perfdhcp(pair: Pair, rate: number): Promise<{ exchanges: number; lost: number; delay: number }> {
  const words = [
    'perfdhcp',
    '-4',
    '-l',
    'eth0',
    '-R',
    `${NODES}`,
    '-r',
    `${rate}`,
    '-p',
    `${SECONDS}`,
    '-W',
    '500000',
    HEAD,
  ];
  // Its status says whether anything was lost.
  const { stdout } = await run(...pair.words(pair.nodes, words), { timeoutMs: 60_000 });
  const exchanges = Number(/^Rate: ([\d.]+)/m.exec(stdout)?.[1] ?? 0);
  const numbers = (pattern: RegExp) => Array.from(stdout.matchAll(pattern), match => Number(match[1]));
  const sent = numbers(/^sent packets: (\d+)/gm);
  const received = numbers(/^received packets: (\d+)/gm);
  const delays = numbers(/^avg delay: ([\d.]+) ms/gm);
  // Of the OFFERs that were due, how many whole exchanges there were; the last ones are still on their way when it stops.
  const lost = 100 * (1 - (received.at(-1) ?? 0) / Math.max(1, (sent[0] ?? 0) - rate * 0.01));
  return { exchanges, lost, delay: delays.reduce((sum, value) => sum + value, 0) };
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
