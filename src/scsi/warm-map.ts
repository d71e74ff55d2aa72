// Which parts of a file are probably in the page cache: those read recently, until a read of one turns out slow.

/** Bytes per bit; a cold read fetches whole granules, so that later reads find them. */
export const WARM_GRANULE = 256 * 1024;

/** One bit for each granule of a file. A wrong guess costs one slow read, and then everything counts as cold again. */
export class WarmMap {
  private readonly bits: Uint8Array;

  /** @param size bytes of the file */
  constructor(size: number) {
    this.bits = new Uint8Array(Math.ceil(size / WARM_GRANULE / 8) + 1);
  }

  has(position: number, length: number): boolean {
    const last = granule(position + Math.max(length, 1) - 1);
    for (let index = granule(position); index <= last; index += 1) {
      if (((this.bits[index >>> 3] ?? 0) & (1 << (index & 7))) === 0) return false;
    }
    return true;
  }

  add(position: number, length: number): void {
    const last = granule(position + Math.max(length, 1) - 1);
    for (let index = granule(position); index <= last; index += 1) {
      this.bits[index >>> 3] = (this.bits[index >>> 3] ?? 0) | (1 << (index & 7));
    }
  }

  clear(): void {
    this.bits.fill(0);
  }
}

function granule(position: number): number {
  return Math.floor(position / WARM_GRANULE);
}
