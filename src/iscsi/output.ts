// Answers to one peer: PDUs are built in place, in slabs that are reused.
import { crc32c } from './crc32c.ts';
import { BHS_LENGTH, fill } from './frame.ts';
import { MAX_RECEIVE_SEGMENT } from './limits.ts';

/** Bytes of a slab: the longest data segment with everything around it. */
export const SLAB_BYTES = MAX_RECEIVE_SEGMENT + 4096;

/** Up to this many bytes are copied out of a slab, so that a peer with many small waiting answers does not hold a slab for each. */
const COPIED_BYTES = 16 * 1024;

/** Free slabs, kept because recently used memory is several times faster than new memory. */
export class SlabPool {
  private readonly free: Buffer[] = [];
  private readonly keep: number;

  constructor(keep = 16) {
    this.keep = keep;
  }

  take(): Buffer {
    return this.free.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES);
  }

  give(slab: Buffer): void {
    if (this.free.length < this.keep) this.free.push(slab);
  }
}

/** Sends bytes; `sent` is called when the memory is free again, also when sending failed. */
export type Send = (bytes: Buffer, sent: () => void) => void;

export class Output {
  headerDigest = false;
  dataDigest = false;
  /** Bytes passed to `send` that have not left. */
  waiting = 0;
  /** The current slab: PDUs are written into it at the place from `reserve`. */
  slab: Buffer = Buffer.alloc(0);
  private used = 0;
  private readonly pool: SlabPool;
  private readonly send: Send;
  private readonly drained: () => void;
  /** Whether `slab` is ours now: an idle connection has none. */
  private holds = false;

  /** @param drained called whenever bytes have left */
  constructor(pool: SlabPool, send: Send, drained: () => void) {
    this.pool = pool;
    this.send = send;
    this.drained = drained;
  }

  /** Makes room for a PDU with this much data, at most 256 KiB; returns where its header begins in `slab`. */
  reserve(dataLength: number): number {
    const total = this.pduLength(dataLength);
    if (!this.holds) {
      this.slab = this.pool.take();
      this.holds = true;
    } else if (this.used + total > this.slab.length) {
      this.flush();
      this.slab = this.pool.take();
      this.holds = true;
    }
    const at = this.used;
    this.used += total;
    return at;
  }

  /** Cancels the last reservation. */
  unreserve(at: number): void {
    this.used = at;
  }

  /** Returns where the data of the PDU at `at` begins. */
  dataAt(at: number): number {
    return at + BHS_LENGTH + (this.headerDigest ? 4 : 0);
  }

  /** Completes the PDU at `at` after its header and data: length, padding, digests. */
  seal(at: number, dataLength: number): void {
    const { slab } = this;
    slab[at + 4] = 0;
    slab.writeUIntBE(dataLength, at + 5, 3);
    if (this.headerDigest) slab.writeUInt32LE(crc32c(slab, at, at + BHS_LENGTH), at + BHS_LENGTH);
    if (dataLength === 0) return;
    const dataStart = this.dataAt(at);
    const dataEnd = dataStart + fill(dataLength);
    for (let index = dataStart + dataLength; index < dataEnd; index += 1) slab[index] = 0;
    if (this.dataDigest) slab.writeUInt32LE(crc32c(slab, dataStart, dataEnd), dataEnd);
  }

  /** Adds a whole PDU from a header of 48 bytes and its data. */
  append(header: Buffer, data?: Buffer): void {
    const length = data?.length ?? 0;
    const at = this.reserve(length);
    header.copy(this.slab, at);
    data?.copy(this.slab, this.dataAt(at));
    this.seal(at, length);
  }

  /** Passes on what was built. */
  flush(): void {
    if (!this.holds) return;
    const { slab, used } = this;
    this.holds = false;
    this.used = 0;
    if (used === 0) {
      this.pool.give(slab);
      return;
    }
    this.waiting += used;
    const isSmall = used <= COPIED_BYTES;
    const bytes = isSmall ? Buffer.from(slab.subarray(0, used)) : slab.subarray(0, used);
    if (isSmall) this.pool.give(slab);
    this.send(bytes, () => {
      this.waiting -= used;
      if (!isSmall) this.pool.give(slab);
      this.drained();
    });
  }

  private pduLength(dataLength: number): number {
    const header = BHS_LENGTH + (this.headerDigest ? 4 : 0);
    return header + fill(dataLength) + (this.dataDigest && dataLength > 0 ? 4 : 0);
  }
}
