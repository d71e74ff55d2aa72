// Reads a stream by byte counts.
import { MusterError } from '../errors.ts';

/** Reads a stream of pieces, a number of bytes at a time. Keeps no more than the largest requested count and one piece. */
export class ByteSource {
  /** Bytes read so far. */
  position = 0;
  private readonly stream: AsyncIterator<Buffer>;
  private buffer: Buffer = Buffer.alloc(0);

  constructor(stream: AsyncIterable<Buffer>) {
    this.stream = stream[Symbol.asyncIterator]();
  }

  /** Returns the next bytes without consuming them; fewer at the end. */
  async peek(count: number): Promise<Buffer> {
    const parts = [this.buffer];
    let have = this.buffer.length;
    while (have < count) {
      const { value, done } = await this.stream.next();
      if (done === true) break;
      parts.push(value);
      have += value.length;
    }
    if (parts.length > 1) this.buffer = Buffer.concat(parts);
    return this.buffer.subarray(0, count);
  }

  async take(count: number): Promise<Buffer> {
    const bytes = await this.peek(count);
    if (bytes.length < count) throw new MusterError('bad-value', 'it ends in the middle');
    this.buffer = this.buffer.subarray(count);
    this.position += count;
    return bytes;
  }

  async skip(count: number): Promise<void> {
    for (let left = count; left > 0; ) {
      const part = await this.peek(1);
      if (part.length === 0) throw new MusterError('bad-value', 'it ends in the middle');
      const step = Math.min(left, this.buffer.length);
      this.buffer = this.buffer.subarray(step);
      this.position += step;
      left -= step;
    }
  }

  /** Skips the zero bytes that come next, however many. */
  async skipZeros(): Promise<void> {
    while ((await this.peek(1))[0] === 0) {
      const other = this.buffer.findIndex(byte => byte !== 0);
      await this.skip(other < 0 ? this.buffer.length : other);
    }
  }

  /** Reads and drops the rest. */
  async drain(): Promise<void> {
    while ((await this.peek(1)).length > 0) await this.skip(this.buffer.length);
  }

  /** Yields the next `count` bytes as they arrive. */
  async *pieces(count: number): AsyncGenerator<Buffer> {
    for (let left = count; left > 0; ) {
      if (this.buffer.length === 0 && (await this.peek(1)).length === 0)
        throw new MusterError('bad-value', 'it ends in the middle');
      const piece = this.buffer.subarray(0, left);
      this.buffer = this.buffer.subarray(piece.length);
      this.position += piece.length;
      left -= piece.length;
      yield piece;
    }
  }
}
