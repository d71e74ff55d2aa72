// A bounds-checked reader over received bytes. It never returns less than requested: it throws with offset and field.

/** A peer's bytes break the format: the offset and the field say where. */
export class WireError extends Error {
  readonly offset: number;
  readonly field: string;
  constructor(message: string, offset: number, field: string) {
    super(`${message} (field '${field}' at byte ${offset})`);
    this.name = 'WireError';
    this.offset = offset;
    this.field = field;
  }
}

/** Reads big-endian values one after the other. Sub-buffers share memory with the input. */
export class Reader {
  readonly buffer: Buffer;
  offset = 0;

  constructor(bytes: Uint8Array) {
    this.buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get remaining(): number {
    return this.buffer.length - this.offset;
  }

  u8(field: string): number {
    return this.buffer.readUInt8(this.take(1, field));
  }

  u16(field: string): number {
    return this.buffer.readUInt16BE(this.take(2, field));
  }

  u32(field: string): number {
    return this.buffer.readUInt32BE(this.take(4, field));
  }

  u64(field: string): bigint {
    return this.buffer.readBigUInt64BE(this.take(8, field));
  }

  bytes(length: number, field: string): Buffer {
    const start = this.take(length, field);
    return this.buffer.subarray(start, start + length);
  }

  skip(length: number, field: string): void {
    this.take(length, field);
  }

  rest(): Buffer {
    return this.bytes(this.remaining, 'rest');
  }

  /** Returns the bytes up to a NUL, which is consumed; throws without a NUL. */
  cstring(field: string): Buffer {
    const end = this.buffer.indexOf(0, this.offset);
    if (end < 0) throw new WireError('no terminating NUL', this.offset, field);
    const value = this.buffer.subarray(this.offset, end);
    this.offset = end + 1;
    return value;
  }

  private take(length: number, field: string): number {
    if (length < 0 || length > this.remaining) {
      throw new WireError(`wanted ${length} bytes, ${this.remaining} are left`, this.offset, field);
    }
    const start = this.offset;
    this.offset += length;
    return start;
  }
}
