// Unpacks the squashfs of a stored image into a folder, with its owners, links, devices and extended attributes.
import { open } from 'node:fs/promises';
import { MusterError } from '../errors.ts';
import { DIES_WITH_PARENT, run, toolFailed } from '../process/run.ts';
import { findRoot, type RootRange } from './cwsquash.ts';

export interface UnpackOptions {
  /** A cwsquash, or a bare squashfs. */
  file: string;
  /** The folder to create; it must not exist yet. */
  root: string;
  /** Unpack only these paths; missing ones are skipped. */
  only?: readonly string[];
  /** Files created so far, and the total. */
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

/** Returns where the squashfs is in an image file; throws `bad-image` with the reason when there is none. */
export async function locateRoot(file: string): Promise<RootRange & { inodes: number }> {
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    const start = Buffer.alloc(Math.min(size, (1 << 20) + 96));
    await handle.read(start, 0, start.length, 0);
    const found = findRoot(start, size);
    if ('refused' in found) throw new MusterError('bad-image', `${file} is not a readable image: ${found.refused}.`);
    const superblock = Buffer.alloc(96);
    await handle.read(superblock, 0, superblock.length, found.offset);
    // Squashfs 4.0 superblock: inode count at 4 (32 bits), little-endian.
    return { ...found, inodes: superblock.readUInt32LE(4) };
  } finally {
    await handle.close();
  }
}

/** Errors: `bad-image`, `disk-full`, `tool-missing`, `tool-failed`. The caller removes what was unpacked until then. */
export async function unpackImage(options: UnpackOptions): Promise<void> {
  const { file, root, only = [], onProgress } = options;
  const { offset, inodes } = await locateRoot(file);
  let done = 0;
  const count = (_line: string, from: 'stdout' | 'stderr'): void => {
    if (from !== 'stdout') return;
    done += 1;
    // Reports only now and then: nobody can read a line for each file.
    if (done % 64 === 0) onProgress?.(Math.min(done, inodes), inodes);
  };
  const [program = '', ...words] = [...DIES_WITH_PARENT, 'unsquashfs'];
  const args = [
    '-no-progress',
    '-offset',
    String(offset),
    '-dest',
    root,
    ...(onProgress ? ['-info'] : []),
    // Files that are only read need no attributes, which an ordinary user could not set.
    ...(only.length > 0 ? ['-no-xattrs'] : []),
    file,
    ...only,
  ];
  const result = await run(program, [...words, ...args], {
    package: 'squashfs-tools',
    keepBytes: 65_536,
    ...(onProgress && { onLine: count }),
    ...(options.signal && { signal: options.signal }),
  });
  // Status 2, "not everything could be written", fails too: an image without its attributes is a different image. A missing path is no failure.
  if (result.status !== 0) throw toolFailed(`unsquashfs ${file}`, result);
  onProgress?.(inodes, inodes);
}
