// A node's boot, from power-on to the first heartbeat: ours, and the same files served by dnsmasq and nginx; and memory.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type CachePlan, ensureImage } from '../../lab/image-cache.ts';
import { startLab } from '../../lab/lab.ts';
import { Machine } from '../../lab/machine.ts';
import { type Namespace, openNamespace } from '../../lab/namespace.ts';
import { HEAD, makeNetwork } from '../../lab/network.ts';
import { DAEMON } from '../../src/api/daemon.ts';
import { packageRoot } from '../../src/package-root.ts';
import { NODE_IP, type PeerHead, startPeers } from './peer-head.ts';
import { type BenchRow, median, row } from './row.ts';

const ROUNDS = 3;
const REPLAYS = 100;
const BOOT_MS = 300_000;
const PEER = 'dnsmasq + nginx';

export async function* benchBoot(): AsyncGenerator<BenchRow> {
  const files = await ensureImage(step => process.stderr.write(`bench: ${step}\n`));
  yield* memory(files);
  const [ours, peer]: [number[], number[]] = [[], []];
  for (let round = 1; round <= ROUNDS; round += 1) {
    ours.push(await ourBoot());
    peer.push(await withPeers(files, peerBoot));
    process.stderr.write(
      `bench: round ${round} of ${ROUNDS}: ours ${ours.at(-1)?.toFixed(1)} s, ${PEER} ${peer.at(-1)?.toFixed(1)} s\n`,
    );
  }
  const figures = { ours: median(ours), peer: median(peer), peerName: PEER, unit: 's', higherIsBetter: false };
  yield row({ case: 'BIOS, roram: power-on to up', ...figures });
}

/** Seconds from power-on to `up`. */
async function ourBoot(): Promise<number> {
  const lab = await startLab({ firmware: 'bios', style: 'roram' });
  try {
    const begun = performance.now();
    await lab.bootUp();
    return (performance.now() - begun) / 1000;
  } finally {
    await lab.stop();
  }
}

async function withPeers<T>(
  files: CachePlan,
  use: (namespace: Namespace, peers: PeerHead, folder: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-bench-'));
  const namespace = await openNamespace();
  let peers: PeerHead | undefined;
  try {
    await makeNetwork(namespace, 1);
    peers = await startPeers(namespace, folder, files, 'roram');
    return await use(namespace, peers, folder);
  } finally {
    for (const process of peers?.processes ?? []) await process.stop();
    await namespace.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function peerBoot(namespace: Namespace, peers: PeerHead, folder: string): Promise<number> {
  const machine = new Machine(namespace, { index: 0, firmware: 'bios', memory: 1024, folder, logs: folder });
  const begun = performance.now();
  await machine.powerOn();
  try {
    while (!(existsSync(peers.log) && readFileSync(peers.log, 'utf8').includes('POST /node/v1/heartbeat'))) {
      if (performance.now() - begun > BOOT_MS)
        throw new Error(`the node did not come up by ${PEER}:\n${await machine.lastWords()}`);
      await delay(50);
    }
    return (performance.now() - begun) / 1000;
  } finally {
    await machine.powerOff();
  }
}

/** Resident memory in MiB, idle and after replayed boots. */
async function* memory(files: CachePlan): AsyncGenerator<BenchRow> {
  const lab = await startLab({ firmware: 'bios', style: 'roram' });
  const own = async () => (await lab.client.call(DAEMON.health)).memory / 2 ** 20;
  const ours: number[] = [];
  try {
    ours.push(await own());
    await replay(lab.namespace, `http://${HEAD.address}:8080`, '/boot/v1/script');
    ours.push(await own());
  } finally {
    await lab.stop();
  }
  const peer = await withPeers(files, async (namespace, { processes }) => {
    const resident = () => processes.reduce((sum, { pid }) => sum + residentOf(pid), 0);
    // Both have answered something before they are weighed.
    await delay(500);
    const before = resident();
    await replay(namespace, `http://${HEAD.address}`, '/boot.ipxe');
    return [before, resident()];
  });
  const cases = ['resident memory, idle', `resident memory after ${REPLAYS} replayed boots`];
  for (const [index, name] of cases.entries()) {
    yield row({
      case: name,
      ours: ours[index] ?? 0,
      peer: peer[index] ?? 0,
      peerName: PEER,
      unit: 'MiB',
      higherIsBetter: false,
    });
  }
}

async function replay(namespace: Namespace, base: string, script: string): Promise<void> {
  await namespace.run(['ip', 'addr', 'add', `${NODE_IP}/24`, 'dev', HEAD.interface]);
  const words = [
    process.execPath,
    join(packageRoot, 'dist/test/bench/replay.js'),
    base,
    NODE_IP,
    String(REPLAYS),
    script,
  ];
  await namespace.run(words);
}

/** MiB of a process and of those it started (nginx has a worker; `setpriv` and `ip netns` become the program). */
function residentOf(pid: number): number {
  const own = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0';
  const children = readdirSync(`/proc/${pid}/task/${pid}`).includes('children')
    ? readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    : '';
  const below = children
    .split(' ')
    .filter(text => /^\d+$/.test(text))
    .reduce((sum, child) => sum + residentOf(Number(child)), 0);
  return Number(own) / 1024 + below;
}
