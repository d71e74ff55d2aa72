// Packs a directory into a cwsquash with one pass of mksquashfs, which leaves space for the header.
import { open, rm } from 'node:fs/promises';
import { DIES_WITH_PARENT, runOk } from '../process/run.ts';
import { ROOT_OFFSET, type RootRange, wrapping } from './cwsquash.ts';

export const COMPRESSIONS = ['zstd', 'xz', 'lz4', 'gzip'] as const;
export type Compression = (typeof COMPRESSIONS)[number];

export interface PackOptions {
  /** The unpacked image tree. */
  root: string;
  /** The cwsquash to write; replaces an existing file. */
  file: string;
  /** Blocks packed so far, and the known total; each file has at least one (mksquashfs's own count). */
  onProgress?: (done: number, total: number) => void;
  /** The compression of the squashfs; default zstd. */
  compression?: Compression;
  signal?: AbortSignal;
}

/** What does not belong in an image: state of a running machine, temporary files, package caches, and the identity of one machine. */
export const NOT_PACKED: readonly string[] = [
  'proc/*',
  'sys/*',
  'dev/*',
  'run/*',
  'tmp/*',
  'var/tmp/*',
  'var/cache/apt/*',
  'var/lib/apt/lists/*',
  'var/cache/yum/*',
  'var/cache/dnf/*',
  'var/cache/libdnf5/*',
  'var/cache/zypp/*',
  'etc/ssh/ssh_host_*_key',
  'etc/ssh/ssh_host_*_key.pub',
  'var/lib/muster/*',
  'var/lib/systemd/random-seed',
  'var/lib/systemd/credential.secret',
  'var/lib/dhcp/*',
  'var/lib/NetworkManager/*.lease',
  'var/log/journal/*',
];

/**
 * Packs with all processors, and keeps hard links and extended attributes; the same tree gives the same file. Returns where the squashfs is.
 * Errors: `tool-missing`, `tool-failed` (leaves no file then).
 */
export async function packImage(options: PackOptions): Promise<RootRange> {
  const { file } = options;
  await rm(file, { force: true });
  try {
    await squash(options);
    const size = (await fileSize(file)) - ROOT_OFFSET;
    await addTable(file, size);
    return { offset: ROOT_OFFSET, size };
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  }
}

async function squash(options: PackOptions): Promise<void> {
  const { root, file, onProgress, compression = 'zstd' } = options;
  let rest = '';
  let all = 1;
  // Its own bar, `[===  /] 1234/5678  21%` in blocks, four times a second: a line for each file would cost more than packing it.
  const count = (text: string): void => {
    const bars = [...(rest + text).matchAll(/\] +(\d+)\/(\d+) +\d+%/g)];
    rest = (rest + text).slice(-200);
    const [, done = '0', blocks = '0'] = bars.at(-1) ?? [];
    if (Number(blocks) === 0) return;
    all = Number(blocks);
    onProgress?.(Number(done), all);
  };
  // The time in the superblock would make each run's file different. Times of files stay, because programs compare them.
  const time = process.env['SOURCE_DATE_EPOCH'] === undefined ? ['-mkfs-time', '0'] : [];
  const excludes = ['-wildcards', '-e', ...NOT_PACKED];
  const args = ['-offset', String(ROOT_OFFSET), '-comp', compression, '-noappend', '-xattrs', ...time];
  const [program = '', ...words] = [...DIES_WITH_PARENT, 'mksquashfs'];
  await runOk(program, [...words, root, file, ...args, ...(onProgress ? [] : ['-no-progress']), ...excludes], {
    package: 'squashfs-tools',
    ...(onProgress ? { onText: count } : {}),
    ...(options.signal ? { signal: options.signal } : {}),
    keepBytes: 4096,
  });
  onProgress?.(all, all);
}

async function addTable(file: string, size: number): Promise<void> {
  const { prefix, suffix } = wrapping(size);
  const handle = await open(file, 'r+');
  try {
    await handle.write(prefix, 0, prefix.length, 0);
    await handle.write(suffix, 0, suffix.length, ROOT_OFFSET + size);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function fileSize(file: string): Promise<number> {
  const handle = await open(file, 'r');
  try {
    return (await handle.stat()).size;
  } finally {
    await handle.close();
  }
}
