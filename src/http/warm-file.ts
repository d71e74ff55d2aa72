// Reads of files that many nodes fetch at once: recently read parts are in the page cache, and are read without a thread.
//
// A read from the page cache takes a few microseconds; through Node's thread pool it costs ten times as much processor time. A
// read that has to wait for the disk must not happen here, since the whole head would wait. So each first read of a part uses a
// thread, and a slow one marks the file as cold again.

import { readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { Latest } from '../latest.ts';
import type { Libc } from '../libc.ts';
import { watchSleep } from './slow-read.ts';

/** Bytes of one part, which is warm or cold as a whole. */
const PART = 1 << 20;
/** Parts that are read from the disk before the available ones are sent. */
const COLD_PARTS = 8;
/** Files that are remembered; the one unused for longest is dropped first. */
const FILES = 32;

/** Parts of files that are probably in the page cache, by path. */
const warm = new Latest<string, Set<number>>(FILES);
/** The target of reads that only warm a file: nobody looks at it. */
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

  /** Returns the current size of the file in bytes. */
  async size(): Promise<number> {
    return (await this.handle.stat()).size;
  }

  /**
   * Makes sure that these bytes, or the first of them, can be read without waiting for the disk; returns how many: 0 at the end
   * of the file. Always lets the event loop have its turn.
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
      // The last part of a file too, although shorter: reads beyond the end return nothing
      if (bytesRead > 0) this.parts.add(part);
      if (bytesRead < PART) end = part * PART + bytesRead;
    }
    if (waited === 0) await new Promise(resolve => setImmediate(resolve));
    return Math.max(0, Math.min(length, end - position));
  }

  /** Fills the buffer from a warm position; returns the bytes that were there. */
  read(buffer: Buffer, position: number): number {
    return this.timed(() => readSync(this.handle.fd, buffer, 0, buffer.length, position));
  }

  /** Runs a read of a warm part. */
  timed<Result>(read: () => Result): Result {
    const { result, slept } = watchSleep(read, this.libc);
    if (slept) this.cool();
    return result;
  }

  /** A part that counted as warm was not. */
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
  warm.set(path, parts);
  return parts;
}
