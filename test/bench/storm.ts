// A boot storm: so many nodes at once over a link of a given speed, the whole journey each; and a rough one, with slow nodes, nodes
// that die in mid-transfer, lost packets, and the daemon killed once. The peer is the link itself.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { packageRoot } from '../../src/package-root.ts';
import { run, runOk } from '../../src/process/run.ts';
import { kernelFile } from '../cli/files.ts';
import { layRoutes } from '../support/routes.ts';
import { costOf, Pair, type Served, serve } from './pair.ts';
import { type BenchRow, row } from './row.ts';
import { stormNode } from './storm-node.ts';

const HEAD = '10.54.0.1';
const LOADER_BYTES = 187_000;

interface Storm {
  nodes: number;
  gigabits: number;
  /** MB of the image. */
  image: number;
  rough?: boolean;
}

const STORMS: readonly Storm[] = [
  { nodes: 100, gigabits: 1, image: 30 },
  { nodes: 1000, gigabits: 1, image: 10 },
  { nodes: 1000, gigabits: 10, image: 10 },
  { nodes: 1000, gigabits: 1, image: 10, rough: true },
  { nodes: 10_000, gigabits: 1, image: 1 },
];

interface Result {
  up: number;
  failed: number;
  retries: number;
  waits: number;
  bytes: number;
  seconds: number;
  stages: Record<string, { p50: number; p95: number; p99: number }>;
  whys: string[];
}

/** @param only the number of nodes of the storms to run; all when absent */
export async function* benchStorm(only = Number(process.env['STORM_NODES'] ?? 0)): AsyncGenerator<BenchRow> {
  for (const storm of STORMS) {
    if (only !== 0 && storm.nodes !== only) continue;
    const { result, memory } = await oneStorm(storm);
    const name = `${storm.nodes} nodes, ${storm.gigabits} Gbit/s${storm.rough ? ', rough' : ''}`;
    for (const [stage, { p50, p95, p99 }] of Object.entries(result.stages))
      process.stderr.write(
        `bench: ${name}: ${stage} p50 ${p50.toFixed(2)} s, p95 ${p95.toFixed(2)} s, p99 ${p99.toFixed(2)} s\n`,
      );
    process.stderr.write(
      `bench: ${name}: ${result.up} up, ${result.failed} failed, ${result.retries} retries, ${result.waits} times told to wait, head ${memory.toFixed(0)} MiB ${result.whys.join('; ')}\n`,
    );
    const peerName = 'the link';
    const goodput = result.bytes / result.seconds / 1e6;
    const link = (storm.gigabits * 1e9) / 8 / 1e6;
    yield row({ case: `${name}: goodput`, ours: goodput, peer: link, peerName, unit: 'MB/s', higherIsBetter: true });
    const ideal = result.bytes / 1e6 / link;
    yield row({
      case: `${name}: last node up`,
      ours: result.seconds,
      peer: ideal,
      peerName,
      unit: 's',
      higherIsBetter: false,
    });
    const all = { ours: result.up, peer: storm.nodes, peerName: 'switched on', unit: 'nodes', higherIsBetter: true };
    yield row({ case: `${name}: came up`, ...all });
  }
}

async function oneStorm(storm: Storm): Promise<{ result: Result; memory: number }> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-storm-'));
  const pair = new Pair();
  let server: Served | undefined;
  try {
    await pair.open(`${HEAD}/16`, '10.54.250.1/16');
    await layRoutes(pair);
    // As docs/network.md says for so many nodes
    await runOk(...pair.words(pair.head, ['sysctl', '-qw', 'net.core.somaxconn=16384']));
    await prepare(pair, folder, storm);
    await shape(pair, storm);
    server = await start(pair, folder);
    const playing = play(pair, storm);
    if (storm.rough) {
      await delay(8000);
      server.child.kill('SIGKILL');
      await delay(500);
      server = await start(pair, folder);
    }
    const result = await playing;
    return { result, memory: costOf(server.child.pid ?? 0).memory };
  } finally {
    await server?.stop();
    await pair.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function shape(pair: Pair, { gigabits, rough }: Storm): Promise<void> {
  const tbf = [
    'tc',
    'qdisc',
    'add',
    'dev',
    'eth0',
    'root',
    'tbf',
    'rate',
    `${gigabits}gbit`,
    'burst',
    '1mb',
    'latency',
    '50ms',
  ];
  await runOk(...pair.words(pair.head, tbf));
  if (!rough) return;
  const rules =
    'table ip loss {\n chain in {\n type filter hook input priority 0;\n numgen random mod 100 < 1 drop\n }\n}\n';
  await runOk(...pair.words(pair.nodes, ['/usr/sbin/nft', '-f', '-']), { input: rules });
}

async function play(pair: Pair, { nodes, rough }: Storm): Promise<Result> {
  const script = join(packageRoot, 'dist/test/bench/storm-nodes.js');
  const words = [process.execPath, script, HEAD, '8080', nodes, 'storm.efi', LOADER_BYTES, rough ? 'rough' : ''].map(
    String,
  );
  const { stdout, stderr, status } = await run(...pair.words(pair.nodes, words), { timeoutMs: 600_000 });
  if (status !== 0) throw new Error(`the nodes ended with ${status}: ${stderr}`);
  return JSON.parse(stdout) as Result;
}

async function start(pair: Pair, folder: string): Promise<Served> {
  const words = [process.execPath, join(packageRoot, 'dist/src/main.js'), '--config', join(folder, 'muster.toml')];
  return serve(pair.words(pair.head, words), { ready: /musterd is ready/ });
}

async function prepare(pair: Pair, folder: string, storm: Storm): Promise<void> {
  const file = (name: string): string => join(folder, name);
  await writeFile(
    file('muster.toml'),
    `[head]\naddress = "${HEAD}/16"\n[paths]\nstate = "${folder}/state"\nsocket = "${folder}/admin.sock"\n` +
      `[dhcp]\nrouter_advertisements = false\n[iscsi]\nenabled = false\n[loaders]\nefi64 = "${file('storm.efi')}"\n`,
  );
  await writeFile(file('storm.efi'), randomBytes(LOADER_BYTES));
  await writeFile(file('kernel'), Buffer.concat([kernelFile('6.1.0'), randomBytes(storm.image * 1e5)]));
  await writeFile(file('initramfs'), randomBytes(storm.image * 2e5));
  await runOk('sh', [
    '-c',
    'mkdir "$1/root" && head -c "$2" /dev/urandom >"$1/root/data"',
    'sh',
    folder,
    `${storm.image * 1e6}`,
  ]);
  await runOk('mksquashfs', [file('root'), file('image'), '-noD', '-noF', '-no-progress', '-quiet']);
  const nodes = Array.from({ length: storm.nodes }, (_, index) => stormNode(index));
  await writeFile(file('nodes.json'), JSON.stringify(nodes));
  const server = await start(pair, folder);
  try {
    const commands = [
      ['image', 'create', 'name=StormImage', `content=@${file('image')}`],
      [
        'boot',
        'create',
        'name=StormBoot',
        'image=StormImage',
        'boot_style=roram',
        `kernel=@${file('kernel')}`,
        `initramfs=@${file('initramfs')}`,
      ],
      ['attrib', 'set', '_boot_config=StormBoot'],
      ['node', 'create', '--content', `@${file('nodes.json')}`],
    ];
    const bin = join(packageRoot, 'dist/src/cli/bin.js');
    for (const words of commands) await runOk(process.execPath, [bin, '--socket', file('admin.sock'), ...words]);
  } finally {
    await server.stop();
  }
}
