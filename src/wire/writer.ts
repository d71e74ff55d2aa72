// A growing big-endian writer. A value that does not fit its field throws RangeError: that is our bug, not the peer's.

export class Writer {
  private buffer: Buffer;
  private used = 0;

  constructor(capacity = 512) {
    this.buffer = Buffer.alloc(capacity);
  }

  get length(): number {
    return this.used;
  }

  u8(value: number): this {
    const start = this.grow(1);
    this.buffer.writeUInt8(value, start);
    return this;
  }

  u16(value: number): this {
    const start = this.grow(2);
    this.buffer.writeUInt16BE(value, start);
    return this;
  }

  u32(value: number): this {
    const start = this.grow(4);
    this.buffer.writeUInt32BE(value, start);
    return this;
  }

  u64(value: bigint): this {
    const start = this.grow(8);
    this.buffer.writeBigUInt64BE(value, start);
    return this;
  }

  bytes(value: Uint8Array): this {
    const start = this.grow(value.length);
    this.buffer.set(value, start);
    return this;
  }

  text(value: string): this {
    return this.bytes(Buffer.from(value, 'latin1'));
  }

  /** Adds zero bytes up to `length` in total; throws RangeError when it is longer already. */
  padTo(length: number): this {
    if (length < this.used) throw new RangeError(`padTo(${length}) after ${this.used} bytes`);
    this.grow(length - this.used);
    return this;
  }

  /** Writes `value` in exactly `length` bytes, zero-filled at the end; throws RangeError when it is longer. */
  fixed(value: Uint8Array, length: number): this {
    if (value.length > length) throw new RangeError(`${value.length} bytes do not fit a field of ${length}`);
    const start = this.grow(length);
    this.buffer.set(value, start);
    return this;
  }

  finish(): Buffer {
    return this.buffer.subarray(0, this.used);
  }

  private grow(length: number): number {
    const start = this.used;
    const needed = start + length;
    if (needed > this.buffer.length) {
      const larger = Buffer.alloc(Math.max(needed, this.buffer.length * 2));
      this.buffer.copy(larger, 0, 0, start);
      this.buffer = larger;
    }
    this.used = needed;
    return start;
  }
}
