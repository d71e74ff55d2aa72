// A writable disk over a read-only one: written data comes from the store, everything else from the base.
import type { BlockDevice } from './block-device.ts';

/** The unit of storage, in bytes. */
export const OVERLAY_GRANULE = 4096;

/** Where written granules are kept. Positions are those of the disk; ranges are whole granules. */
export interface OverlayStore {
  has(granule: number): boolean;
  ready(position: number, length: number): boolean;
  load(position: number, length: number): Promise<void>;
  read(target: Buffer, at: number, length: number, position: number): void;
  /**
   * Called for one range at a time. Rejects with `NoSpaceError` when it is full; its content is then undefined only in this
   * range, and the next write of the range stores it completely.
   */
  write(data: Buffer, position: number): Promise<void>;
  /** Makes everything written durable. After one failure it always rejects. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

export class OverlayDevice implements BlockDevice {
  readonly blockSize: number;
  readonly size: number;
  readonly readOnly = false;
  private readonly base: BlockDevice;
  private readonly store: OverlayStore;
  /** Writes run one after the other: two that share a granule would each restore the other's half. */
  private last: Promise<void> = Promise.resolve();

  constructor(base: BlockDevice, store: OverlayStore) {
    this.base = base;
    this.store = store;
    this.blockSize = base.blockSize;
    this.size = base.size;
  }

  ready(position: number, length: number): boolean {
    return this.runs(position, length).every(run => this.source(run).ready(run.position, run.length));
  }

  async load(position: number, length: number): Promise<void> {
    for (const run of this.runs(position, length)) await this.source(run).load(run.position, run.length);
  }

  read(target: Buffer, at: number, length: number, position: number): void {
    for (const run of this.runs(position, length)) {
      this.source(run).read(target, at + run.position - position, run.length, run.position);
    }
  }

  write(data: Buffer, position: number): Promise<void> {
    const written = this.last.then(() => this.writeNow(data, position));
    this.last = written.catch(() => {});
    return written;
  }

  async flush(): Promise<void> {
    await this.last;
    await this.store.flush();
  }

  async close(): Promise<void> {
    await this.last;
    await this.store.close();
    await this.base.close();
  }

  private source(run: Run): BlockDevice | OverlayStore {
    return run.stored ? this.store : this.base;
  }

  /** Splits a range where the source changes. */
  private runs(position: number, length: number): Run[] {
    const runs: Run[] = [];
    const end = position + length;
    let at = position;
    while (at < end) {
      const granule = Math.floor(at / OVERLAY_GRANULE);
      const stop = Math.min(end, (granule + 1) * OVERLAY_GRANULE);
      const stored = this.store.has(granule);
      const previous = runs.at(-1);
      if (previous?.stored === stored) previous.length += stop - at;
      else runs.push({ stored, position: at, length: stop - at });
      at = stop;
    }
    return runs;
  }

  private async writeNow(data: Buffer, position: number): Promise<void> {
    const start = Math.floor(position / OVERLAY_GRANULE) * OVERLAY_GRANULE;
    const end = Math.ceil((position + data.length) / OVERLAY_GRANULE) * OVERLAY_GRANULE;
    if (start === position && end === position + data.length) return this.store.write(data, position);
    const whole = Buffer.alloc(end - start);
    await this.fillGranule(whole, start, start);
    if (end - OVERLAY_GRANULE !== start) await this.fillGranule(whole, start, end - OVERLAY_GRANULE);
    data.copy(whole, position - start);
    return this.store.write(whole, start);
  }

  /** Reads the granule at `position` into its place in `whole`, which begins at `start`; the disk may end within it. */
  private async fillGranule(whole: Buffer, start: number, position: number): Promise<void> {
    const length = Math.min(OVERLAY_GRANULE, this.size - position);
    if (!this.ready(position, length)) await this.load(position, length);
    this.read(whole, position - start, length, position);
  }
}

interface Run {
  stored: boolean;
  position: number;
  length: number;
}
