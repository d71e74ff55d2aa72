// Packing an image against plain mksquashfs, on the same tree, by turns, in the same run; and unpacking against plain unsquashfs.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packImage } from '../../src/image/pack.ts';
import { unpackImage } from '../../src/image/unpack.ts';
import { runOk } from '../../src/process/run.ts';
import { type BenchRow, median, row } from './row.ts';

/** Needs `mksquashfs` and `unsquashfs` (squashfs-tools). Both pack with zstd, and ours tells its progress, as modimg does. */
export async function* benchImage(files = 20_000, rounds = 5): AsyncGenerator<BenchRow> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-bench-'));
  try {
    const tree = join(folder, 'tree');
    await makeTree(tree, files);
    const [ours, plain] = [join(folder, 'ours'), join(folder, 'plain')];
    const quiet = ['-comp', 'zstd', '-noappend', '-no-progress', '-quiet'];
    yield await compare(`pack ${files} files`, 'mksquashfs and sync', rounds, [
      async () => void (await packImage({ root: tree, file: ours, onProgress: () => {} })),
      async () => {
        await runOk('mksquashfs', [tree, plain, ...quiet]);
        // An image that is said to be there is on the disk
        await runOk('sync', [plain]);
      },
    ]);
    const back = join(folder, 'back');
    yield await compare(`unpack ${files} files`, 'unsquashfs', rounds, [
      async () => {
        await rm(back, { recursive: true, force: true });
        await unpackImage({ file: ours, root: back, onProgress: () => {} });
      },
      async () => {
        await rm(back, { recursive: true, force: true });
        await runOk('unsquashfs', ['-no-progress', '-quiet', '-dest', back, plain]);
      },
    ]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function compare(
  title: string,
  peerName: string,
  rounds: number,
  both: readonly [() => Promise<void>, () => Promise<void>],
): Promise<BenchRow> {
  const times: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, work] of both.entries()) {
      const begun = performance.now();
      await work();
      times[index]?.push((performance.now() - begun) / 1000);
    }
  }
  return row({
    case: title,
    ours: median(times[0]),
    peer: median(times[1]),
    peerName,
    unit: 's',
    higherIsBetter: false,
  });
}

/** Files as a system has them: many small ones that compress well, some larger ones that compress badly. */
async function makeTree(tree: string, files: number): Promise<void> {
  const noise = Buffer.from(Array.from({ length: 65_536 }, (_, at) => (at * 2_654_435_761) % 251));
  for (let folder = 0; folder < files / 200; folder += 1) {
    const path = join(tree, 'usr', String(folder % 10), String(folder));
    await mkdir(path, { recursive: true });
    await Promise.all(
      Array.from({ length: 200 }, async (_, at) => {
        const text = `${folder} ${at} `.repeat(100 + (at % 50) * 20);
        await writeFile(join(path, String(at)), at % 20 === 0 ? Buffer.concat([noise, Buffer.from(text)]) : text);
      }),
    );
  }
}
