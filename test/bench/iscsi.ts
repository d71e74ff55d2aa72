// The iSCSI target against tgtd: iscsi-perf on the same file, by turns, in the same run.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../src/process/run.ts';
import { TARGET } from '../iscsi/support/one-target.ts';
import { startServe } from '../iscsi/support/process.ts';
import { pattern } from '../iscsi/support/served.ts';
import { startTgt } from '../iscsi/support/tgt.ts';
import { type BenchRow, median, row } from './row.ts';

interface Load {
  name: string;
  /** Blocks of 512 bytes in one read. */
  blocks: number;
  /** Reads under way at a time, in each session. */
  depth: number;
  random: boolean;
}

const LOADS: readonly Load[] = [
  { name: '4 KiB random × 32', blocks: 8, depth: 32, random: true },
  { name: '4 KiB sequential × 32', blocks: 8, depth: 32, random: false },
  { name: '128 KiB × 16', blocks: 256, depth: 16, random: false },
  { name: '1 MiB × 8', blocks: 2048, depth: 8, random: false },
];

const SESSIONS = [1, 8];

/** Bytes of the file; it is in the page cache for both, as an image is that many nodes boot. */
const FILE_BYTES = 256 << 20;

/**
 * Needs `tgtd` and `tgtadm` (package tgt, as root) and `iscsi-perf` (libiscsi-bin).
 * @param seconds of one measurement
 * @param workers processes besides the one that accepts; 0 serves everything in one
 */
export async function* benchIscsi(seconds = 3, rounds = 3, workers = 0): AsyncGenerator<BenchRow> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-bench-'));
  try {
    const file = join(folder, 'disk.img');
    await writeFile(file, pattern(FILE_BYTES));
    const ours = await startServe([file, '--workers', String(workers)]);
    const tgt = await startTgt(folder);
    try {
      const urls = [`iscsi://127.0.0.1:${ours.port}/${TARGET}/0`, await tgt.add(1, file, true)];
      for (const sessions of SESSIONS) {
        for (const load of LOADS) yield await compare(urls, load, sessions, seconds, rounds);
      }
    } finally {
      await tgt.stop();
      await ours.stop();
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function compare(
  urls: readonly string[],
  load: Load,
  sessions: number,
  seconds: number,
  rounds: number,
): Promise<BenchRow> {
  const found: number[][] = urls.map(() => []);
  // By turns, so that whatever else this machine does hits both alike.
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, url] of urls.entries()) found[index]?.push(await measure(url, load, sessions, seconds));
  }
  const [ours = 0, peer = 0] = found.map(median);
  return row({
    case: `${load.name}, ${sessions === 1 ? '1 session' : `${sessions} sessions`}`,
    ours,
    peer,
    peerName: 'tgtd',
    unit: 'reads/s',
    higherIsBetter: true,
  });
}

async function measure(url: string, load: Load, sessions: number, seconds: number): Promise<number> {
  const counts = Array.from({ length: sessions }, async (_, index) => {
    const args = [
      '-i',
      `iqn.2026-01.lab.test:bench${index}`,
      '-b',
      `${load.blocks}`,
      '-m',
      `${load.depth}`,
      '-t',
      `${seconds}`,
    ];
    const { stdout, stderr } = await run('iscsi-perf', [...args, ...(load.random ? ['-r'] : []), url], {
      timeoutMs: (seconds + 20) * 1000,
    });
    const averages = [...stdout.matchAll(/iops average (\d+)/g)];
    const last = averages.at(-1)?.[1];
    if (!last) throw new Error(`iscsi-perf measured nothing: ${stderr || stdout}`);
    return Number(last);
  });
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
}
