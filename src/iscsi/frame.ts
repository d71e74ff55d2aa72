// Where a PDU begins and ends in a stream of bytes (RFC 7143 §11.1), without its meaning.
//
// bytes 0..47   basic header segment: byte 4 the length of the additional headers in words, bytes 5..7 that of the data
// then          additional header segments · header digest (4) · data, filled up to 4 · data digest (4, when there is data)
import { crc32c } from './crc32c.ts';

export const BHS_LENGTH = 48;

/** One PDU. The buffers are views of received bytes: copy what must last. */
export interface Frame {
  /** 48 bytes. */
  header: Buffer;
  /** The data segment without its padding. */
  data: Buffer;
  /** The data digest did not match; the header is sound. */
  dataDamaged: boolean;
}

/** The stream can no longer be parsed: the connection must end (RFC 7143 §7.6, ErrorRecoveryLevel 0). */
export class FramingError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'FramingError';
  }
}

/** Collects received chunks into PDUs. Holds at most one incomplete PDU, never longer than `maxData` allows. */
export class Framer {
  /** Whether the peer sends digests; changes when login has ended. */
  headerDigest = false;
  dataDigest = false;
  /** The longest accepted data segment, in bytes. */
  maxData: number;
  private chunks: Buffer[] = [];
  private at = 0;
  private readonly partHeader = Buffer.alloc(BHS_LENGTH);
  private part: Buffer | undefined;
  private filled = 0;

  constructor(maxData: number) {
    this.maxData = maxData;
  }

  push(chunk: Buffer): void {
    if (chunk.length > 0) this.chunks.push(chunk);
  }

  /** Drops everything received. */
  drop(): void {
    this.chunks = [];
    this.part = undefined;
    this.at = this.filled = 0;
  }

  /** Returns the next whole PDU, or undefined until more bytes arrive. Throws `FramingError`. */
  next(): Frame | undefined {
    while (this.chunks[0]) {
      const chunk = this.chunks[0];
      const frame = this.filled > 0 ? this.gather(chunk) : this.take(chunk);
      if (this.chunks[0] === chunk && this.at >= chunk.length) {
        this.chunks.shift();
        this.at = 0;
      }
      if (frame) return frame;
    }
    return undefined;
  }

  /** The usual case: a PDU is wholly in one chunk and nothing is copied. */
  private take(chunk: Buffer): Frame | undefined {
    const left = chunk.length - this.at;
    if (left >= BHS_LENGTH) {
      const total = this.frameLength(chunk, this.at);
      if (left >= total) {
        const frame = this.cut(chunk, this.at);
        this.at += total;
        return frame;
      }
    }
    return this.gather(chunk);
  }

  /** Copies the part of a PDU that the chunk contains. */
  private gather(chunk: Buffer): Frame | undefined {
    if (this.filled < BHS_LENGTH) {
      const count = chunk.copy(this.partHeader, this.filled, this.at, this.at + BHS_LENGTH - this.filled);
      this.filled += count;
      this.at += count;
      if (this.filled < BHS_LENGTH) return undefined;
    }
    if (!this.part) {
      this.part = Buffer.allocUnsafeSlow(this.frameLength(this.partHeader, 0));
      this.partHeader.copy(this.part);
    }
    const count = chunk.copy(this.part, this.filled, this.at, this.at + this.part.length - this.filled);
    this.filled += count;
    this.at += count;
    if (this.filled < this.part.length) return undefined;
    const whole = this.part;
    this.part = undefined;
    this.filled = 0;
    return this.cut(whole, 0);
  }

  /** Returns the length of the PDU with its basic header at `at`, digests and padding included. */
  private frameLength(bytes: Buffer, at: number): number {
    const dataLength = bytes.readUIntBE(at + 5, 3);
    if (dataLength > this.maxData) {
      throw new FramingError(`a data segment of ${dataLength} bytes; ${this.maxData} is the most (RFC 7143 §13.12)`);
    }
    const headers = BHS_LENGTH + bytes.readUInt8(at + 4) * 4 + (this.headerDigest ? 4 : 0);
    return headers + fill(dataLength) + (this.dataDigest && dataLength > 0 ? 4 : 0);
  }

  private cut(bytes: Buffer, at: number): Frame {
    const headerEnd = at + BHS_LENGTH + bytes.readUInt8(at + 4) * 4;
    const dataLength = bytes.readUIntBE(at + 5, 3);
    if (this.headerDigest && bytes.readUInt32LE(headerEnd) !== crc32c(bytes, at, headerEnd)) {
      // RFC 7143 §7.7: the lengths cannot be trusted, so the next PDU cannot be found.
      throw new FramingError('the header digest does not fit (RFC 7143 §7.7)');
    }
    const dataStart = headerEnd + (this.headerDigest ? 4 : 0);
    const dataEnd = dataStart + fill(dataLength);
    const dataDamaged =
      this.dataDigest && dataLength > 0 && bytes.readUInt32LE(dataEnd) !== crc32c(bytes, dataStart, dataEnd);
    return {
      header: bytes.subarray(at, at + BHS_LENGTH),
      data: bytes.subarray(dataStart, dataStart + dataLength),
      dataDamaged,
    };
  }
}

/** Data is padded to whole words (RFC 7143 §11.2.3). */
export function fill(length: number): number {
  return (length + 3) & ~3;
}
