// Immutable files named by their SHA-256. A blob is there whole or not at all: temporary name, fsync, rename, fsync.
import { createHash } from 'node:crypto';
import { constants, mkdirSync } from 'node:fs';
import { access, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { MusterError, systemCode } from '../errors.ts';

export class Blobs {
  private readonly folder: string;

  constructor(stateFolder: string) {
    this.folder = join(stateFolder, 'blobs');
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
  }

  /** Where the blob lies, or would lie. The digest is checked, so that no other path can be made of it. */
  path(sha256: string): string {
    if (!/^[0-9a-f]{64}$/.test(sha256)) throw new MusterError('internal', `'${sha256}' is no SHA-256 digest`);
    return join(this.folder, sha256.slice(0, 2), sha256);
  }

  async has(sha256: string): Promise<boolean> {
    return access(this.path(sha256), constants.R_OK).then(
      () => true,
      () => false,
    );
  }

  /** Makes a finished file a blob. The file must be on the same file system, closed, and of this digest; it is moved. */
  async adopt(file: string, sha256: string): Promise<void> {
    const target = this.path(sha256);
    mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
    await sync(file);
    await rename(file, target);
    await sync(dirname(target));
    await sync(this.folder);
  }

  /** All blobs with their sizes in bytes. */
  async list(): Promise<{ sha256: string; size: number }[]> {
    const result: { sha256: string; size: number }[] = [];
    for (const part of await readdir(this.folder)) {
      for (const sha256 of await readdir(join(this.folder, part))) {
        const found = await stat(join(this.folder, part, sha256));
        result.push({ sha256, size: found.size });
      }
    }
    return result;
  }

  async remove(sha256: string): Promise<void> {
    await rm(this.path(sha256), { force: true });
  }
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Digests of a file and of a byte range in it, in one pass. */
export async function digestFile(
  path: string,
  range?: { offset: number; size: number },
): Promise<{ whole: string; range: string }> {
  const whole = createHash('sha256');
  const part = createHash('sha256');
  const handle = await open(path, 'r');
  try {
    const buffer = Buffer.allocUnsafe(1 << 20);
    for (let position = 0; ; ) {
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, position);
      if (bytesRead === 0) break;
      const chunk = buffer.subarray(0, bytesRead);
      whole.update(chunk);
      if (range) {
        const from = Math.max(range.offset - position, 0);
        const to = Math.min(range.offset + range.size - position, bytesRead);
        if (to > from) part.update(chunk.subarray(from, to));
      }
      position += bytesRead;
    }
  } finally {
    await handle.close();
  }
  const digest = whole.digest('hex');
  return { whole: digest, range: range ? part.digest('hex') : digest };
}

/** A write that failed for want of room is `disk-full`; anything else stays what it is. */
export function asDiskFull(error: unknown, what: string): unknown {
  const code = systemCode(error);
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error;
  return new MusterError(
    'disk-full',
    `${what}: the head's disk is full; nothing was stored. Free some room and repeat.`,
    { cause: error as Error },
  );
}
