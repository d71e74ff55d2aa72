// The first bytes of stored kernels and initramfs files: in a storm all nodes get the same ones, and the head reads them once.

import { open } from 'node:fs/promises';
import type { PlannedFile } from '../boot/boot-plan.ts';
import { LOADER_HEAD } from '../boot/loader-format.ts';
import { Latest } from '../latest.ts';

/** Files whose first bytes are kept. */
const KEPT = 64;

export class BootFileHeads {
  private readonly blobPath: (sha256: string) => string;
  private readonly heads = new Latest<string, Buffer>(KEPT);

  constructor(blobPath: (sha256: string) => string) {
    this.blobPath = blobPath;
  }

  /** Returns the first `LOADER_HEAD` bytes of a file; undefined when its file cannot be read. */
  async of({ blob, offset }: PlannedFile): Promise<Buffer | undefined> {
    const key = `${blob} ${offset}`;
    const head = this.heads.get(key) ?? (await firstBytes(this.blobPath(blob), offset).catch(() => undefined));
    if (!head) return undefined;
    this.heads.set(key, head);
    return head;
  }
}

async function firstBytes(path: string, offset: number): Promise<Buffer> {
  const handle = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(LOADER_HEAD), 0, LOADER_HEAD, offset);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
