// Reads of files that many nodes fetch at once: what was read lately is in the page cache, and is read without a hop to a thread.
//
// A read from the page cache takes some microseconds; by a thread of Node's pool it costs ten times as much processor time. A
// read that has to wait for the disk must not be made here, since the whole head would wait with it. So each first read of a
// part goes by a thread, and one that was slow after all makes the file cold again.

import { readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { Libc } from '../libc.ts';
import { watchSleep } from './slow-read.ts';

/** Bytes of one part, whose temperature is one bit. */
const PART = 1 << 20;
/** Parts that are read from the disk before what is there goes out. */
const COLD_PARTS = 8;
/** Files that are remembered, the longest unused go first. */
const FILES = 32;

/** Parts of files that are in the page cache as far as is known, by path. */
const warm = new Map<string, Set<number>>();
/** Where reads go that only warm a file: nobody looks at it. */
const nowhere = Buffer.allocUnsafeSlow(PART);

export class WarmFile {
  private readonly handle: FileHandle;
  private readonly parts: Set<number>;
  private readonly libc: Libc;

  private constructor(handle: FileHandle, path: string, libc: Libc) {
    this.handle = handle;
    this.parts = partsOf(path);
    this.libc = libc;
  }

  static async open(path: string, libc: Libc): Promise<WarmFile> {
    return new WarmFile(await open(path, 'r'), path, libc);
  }

  get descriptor(): number {
    return this.handle.fd;
  }

  /** Bytes that the file has now. */
  async size(): Promise<number> {
    return (await this.handle.stat()).size;
  }

  /**
   * Sees to it that these bytes, or the first of them, can be read without waiting for the disk; answers how many: 0 at the end of the
   * file. Gives the event loop its turn in any case.
   */
  async warm(position: number, length: number): Promise<number> {
    let end = Number.POSITIVE_INFINITY;
    let waited = 0;
    for (
      let part = partOf(position);
      part <= partOf(position + length - 1) && end === Number.POSITIVE_INFINITY;
      part++
    ) {
      if (this.parts.has(part)) continue;
      if (waited === COLD_PARTS) {
        end = part * PART;
        break;
      }
      waited += 1;
      const { bytesRead } = await this.handle.read(nowhere, 0, PART, part * PART);
      // The last part of a file too, shorter as it is: reads of what is not there any more answer nothing
      if (bytesRead > 0) this.parts.add(part);
      if (bytesRead < PART) end = part * PART + bytesRead;
    }
    if (waited === 0) await new Promise(resolve => setImmediate(resolve));
    return Math.max(0, Math.min(length, end - position));
  }

  /** Fills the buffer from a position that is warm; answers the bytes that were there. */
  read(buffer: Buffer, position: number): number {
    return this.timed(() => readSync(this.handle.fd, buffer, 0, buffer.length, position));
  }

  /** Does a read of what is warm. */
  timed<Result>(read: () => Result): Result {
    const { result, slept } = watchSleep(read, this.libc);
    if (slept) this.cool();
    return result;
  }

  /** What was taken for warm was not. */
  cool(): void {
    this.parts.clear();
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}

function partOf(position: number): number {
  return Math.floor(position / PART);
}

function partsOf(path: string): Set<number> {
  const parts = warm.get(path) ?? new Set();
  warm.delete(path);
  warm.set(path, parts);
  const oldest = warm.size > FILES ? warm.keys().next().value : undefined;
  if (oldest !== undefined) warm.delete(oldest);
  return parts;
}
