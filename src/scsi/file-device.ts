// A read-only disk in a file: bytes go from the page cache straight into the caller's buffer.
import { open } from 'node:fs/promises';
import { BLOCK_SIZE, type BlockDevice } from './block-device.ts';
import { CachedFile } from './cached-file.ts';

/**
 * Opens a file as a read-only disk. The open file stays the same when its name is removed or reused. A last partial block is
 * padded with zeros. Rejects when it cannot be opened, or is empty.
 */
export async function openFileDevice(path: string, now?: () => number): Promise<BlockDevice> {
  const handle = await open(path, 'r');
  try {
    const { size } = await handle.stat();
    if (size === 0) throw new Error(`${path} is empty: a disk needs at least one block`);
    return new FileDevice(new CachedFile(handle, path, size, now), size);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

class FileDevice implements BlockDevice {
  readonly blockSize = BLOCK_SIZE;
  readonly readOnly = true;
  readonly size: number;
  private readonly file: CachedFile;

  constructor(file: CachedFile, fileSize: number) {
    this.file = file;
    this.size = Math.ceil(fileSize / BLOCK_SIZE) * BLOCK_SIZE;
  }

  ready(position: number, length: number): boolean {
    return this.file.ready(position, length);
  }

  load(position: number, length: number): Promise<void> {
    return this.file.load(position, length);
  }

  read(target: Buffer, at: number, length: number, position: number): void {
    this.file.read(target, at, length, position);
  }

  async write(): Promise<void> {
    throw new Error(`${this.file.path} is a read-only disk`);
  }

  async flush(): Promise<void> {}

  close(): Promise<void> {
    return this.file.handle.close();
  }
}
