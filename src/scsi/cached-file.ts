// An open file read through the page cache: at once where the cache probably has it, in the thread pool otherwise.
import { readSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { monotonicNow } from '../clock.ts';
import { WARM_GRANULE, WarmMap } from './warm-map.ts';

/** A synchronous read that took longer than this did not come from memory, in milliseconds. */
const SLOW_READ_MS = 5;

/** Concurrent cold reads of one file; more wait, so that one disk cannot take every thread of the pool. */
const FETCHES_AT_ONCE = 2;

export class CachedFile {
  readonly handle: FileHandle;
  readonly path: string;
  private readonly size: number;
  private readonly now: () => number;
  private readonly warm: WarmMap;
  private readonly waiting: (() => void)[] = [];
  private readonly scratch: Buffer[] = [];
  /** Granules being fetched, so that many readers of one cause one fetch. */
  private readonly fetches = new Map<number, Promise<void>>();
  private fetching = 0;

  /**
   * @param size bytes that can be read; beyond them `read` returns zeros
   * @param now milliseconds of a steady clock
   */
  constructor(handle: FileHandle, path: string, size: number, now: () => number = monotonicNow) {
    this.handle = handle;
    this.path = path;
    this.size = size;
    this.now = now;
    this.warm = new WarmMap(size);
  }

  ready(position: number, length: number): boolean {
    return this.warm.has(position, length);
  }

  /** Records that a range is in the page cache, because it was just written. */
  written(position: number, length: number): void {
    this.warm.add(position, length);
  }

  async load(position: number, length: number): Promise<void> {
    const fetches: Promise<void>[] = [];
    const end = Math.min(this.size, position + Math.max(length, 1));
    for (let from = Math.floor(position / WARM_GRANULE) * WARM_GRANULE; from < end; from += WARM_GRANULE) {
      if (!this.warm.has(from, 1)) fetches.push(this.fetches.get(from) ?? this.fetch(from));
    }
    await Promise.all(fetches);
  }

  /** Fills `target` from `at`. Throws the disk's error, or that the file has shrunk. */
  read(target: Buffer, at: number, length: number, position: number): void {
    const start = this.now();
    const wanted = Math.min(length, Math.max(0, this.size - position));
    let done = 0;
    while (done < wanted) {
      const count = readSync(this.handle.fd, target, at + done, wanted - done, position + done);
      if (count === 0) throw new Error(`${this.path} has shrunk: nothing is left at byte ${position + done}`);
      done += count;
    }
    if (wanted < length) target.fill(0, at + wanted, at + length);
    if (this.now() - start > SLOW_READ_MS) this.warm.clear();
  }

  /** Reads a granule in the thread pool and drops the bytes: afterwards the page cache has them. */
  private fetch(from: number): Promise<void> {
    const fetched = this.fetchNow(from).finally(() => this.fetches.delete(from));
    this.fetches.set(from, fetched);
    return fetched;
  }

  private async fetchNow(from: number): Promise<void> {
    if (this.fetching >= FETCHES_AT_ONCE) await new Promise<void>(resolve => this.waiting.push(resolve));
    else this.fetching += 1;
    const buffer = this.scratch.pop() ?? Buffer.allocUnsafeSlow(WARM_GRANULE);
    try {
      await this.handle.read(buffer, 0, Math.min(WARM_GRANULE, this.size - from), from);
      this.warm.add(from, 1);
    } finally {
      this.scratch.push(buffer);
      const next = this.waiting.shift();
      if (next) next();
      else this.fetching -= 1;
      if (this.fetching === 0) this.scratch.length = 0;
    }
  }
}
