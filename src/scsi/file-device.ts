// A read-only disk that is a file: bytes come from the page cache straight into the caller's buffer.
import { readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { BLOCK_SIZE, type BlockDevice } from './block-device.ts';
import { WARM_GRANULE, WarmMap } from './warm-map.ts';

/** A synchronous read that took longer than this did not come from memory, in milliseconds. */
const SLOW_READ_MS = 5;

/** Bytes that one cold read fetches at a time. */
const FETCH_BYTES = 1024 * 1024;

/** Cold reads of one file under way at once; more wait, so that one disk cannot take every thread of the pool. */
const FETCHES_AT_ONCE = 2;

/**
 * Opens a file as a read-only disk. The open file stays the same file when its name is removed or given to another.
 * A last partial block is padded with zeros. Rejects when it cannot be opened, or is empty.
 */
export async function openFileDevice(path: string, now: () => number = performanceNow): Promise<BlockDevice> {
  const handle = await open(path, 'r');
  try {
    const { size } = await handle.stat();
    if (size === 0) throw new Error(`${path} is empty: a disk needs at least one block`);
    return new FileDevice(handle, path, size, now);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

class FileDevice implements BlockDevice {
  readonly blockSize = BLOCK_SIZE;
  readonly readOnly = true;
  readonly size: number;
  private readonly handle: FileHandle;
  private readonly fd: number;
  private readonly path: string;
  private readonly fileSize: number;
  private readonly now: () => number;
  private readonly warm: WarmMap;
  private readonly waiting: (() => void)[] = [];
  private readonly scratch: Buffer[] = [];
  private fetching = 0;

  constructor(handle: FileHandle, path: string, fileSize: number, now: () => number) {
    this.handle = handle;
    this.fd = handle.fd;
    this.path = path;
    this.fileSize = fileSize;
    this.size = Math.ceil(fileSize / BLOCK_SIZE) * BLOCK_SIZE;
    this.now = now;
    this.warm = new WarmMap(this.size);
  }

  ready(position: number, length: number): boolean {
    return this.warm.has(position, length);
  }

  async load(position: number, length: number): Promise<void> {
    const end = Math.min(this.fileSize, Math.ceil((position + length) / WARM_GRANULE) * WARM_GRANULE);
    for (let from = Math.floor(position / WARM_GRANULE) * WARM_GRANULE; from < end; from += FETCH_BYTES) {
      await this.fetch(from, Math.min(FETCH_BYTES, end - from));
    }
    this.warm.add(position, length);
  }

  read(target: Buffer, at: number, length: number, position: number): void {
    const start = this.now();
    const wanted = Math.min(length, Math.max(0, this.fileSize - position));
    let done = 0;
    while (done < wanted) {
      const count = readSync(this.fd, target, at + done, wanted - done, position + done);
      if (count === 0) throw new Error(`${this.path} has shrunk: nothing is left at byte ${position + done}`);
      done += count;
    }
    if (wanted < length) target.fill(0, at + wanted, at + length);
    if (this.now() - start > SLOW_READ_MS) this.warm.clear();
  }

  async write(): Promise<void> {
    throw new Error(`${this.path} is a read-only disk`);
  }

  async flush(): Promise<void> {}

  async close(): Promise<void> {
    await this.handle.close();
  }

  /** Reads a range in the thread pool and drops the bytes: what counts is that the page cache has them then. */
  private async fetch(position: number, length: number): Promise<void> {
    if (this.fetching >= FETCHES_AT_ONCE) await new Promise<void>(resolve => this.waiting.push(resolve));
    else this.fetching += 1;
    const buffer = this.scratch.pop() ?? Buffer.allocUnsafeSlow(FETCH_BYTES);
    try {
      await this.handle.read(buffer, 0, length, position);
    } finally {
      const next = this.waiting.shift();
      if (next) {
        this.scratch.push(buffer);
        next();
      } else {
        this.fetching -= 1;
      }
    }
  }
}

function performanceNow(): number {
  return performance.now();
}
