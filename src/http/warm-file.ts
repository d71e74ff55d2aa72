// Reads of files that many nodes fetch at once: what was read lately is in the page cache, and is read without a hop to a thread.
//
// A read from the page cache takes some microseconds; by a thread of Node's pool it costs ten times as much processor time. A
// read that has to wait for the disk must not be made here, since the whole head would wait with it. So each first read of a
// part goes by a thread, and one that was slow after all makes the file cold again.

import { readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

/** Bytes of one part, whose temperature is one bit. */
const PART = 1 << 20;
/** A read from the page cache that takes longer, in milliseconds, was none. */
const COLD_MS = 5;
/** Files that are remembered, the longest unused go first. */
const FILES = 32;

/** Parts of files that are in the page cache as far as is known, by path. */
const warm = new Map<string, Set<number>>();

export class WarmFile {
  private readonly handle: FileHandle;
  private readonly parts: Set<number>;

  private constructor(handle: FileHandle, path: string) {
    this.handle = handle;
    this.parts = partsOf(path);
  }

  static async open(path: string): Promise<WarmFile> {
    return new WarmFile(await open(path, 'r'), path);
  }

  /** Fills the buffer from a position; answers the bytes that were there. Gives the event loop its turn in either case. */
  async read(buffer: Buffer, position: number): Promise<number> {
    const first = Math.floor(position / PART);
    const last = Math.floor((position + buffer.length - 1) / PART);
    if (!this.isWarm(first, last)) {
      const { bytesRead } = await this.handle.read(buffer, 0, buffer.length, position);
      for (let part = first; part <= last; part++) this.parts.add(part);
      return bytesRead;
    }
    await new Promise(resolve => setImmediate(resolve));
    const begun = performance.now();
    const bytes = readSync(this.handle.fd, buffer, 0, buffer.length, position);
    if (performance.now() - begun > COLD_MS) this.parts.clear();
    return bytes;
  }

  async close(): Promise<void> {
    await this.handle.close();
  }

  private isWarm(first: number, last: number): boolean {
    for (let part = first; part <= last; part++) if (!this.parts.has(part)) return false;
    return true;
  }
}

function partsOf(path: string): Set<number> {
  const parts = warm.get(path) ?? new Set();
  warm.delete(path);
  warm.set(path, parts);
  const oldest = warm.size > FILES ? warm.keys().next().value : undefined;
  if (oldest !== undefined) warm.delete(oldest);
  return parts;
}
