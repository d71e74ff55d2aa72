// Reads cpio archives (newc) from a stream, as the kernel reads an initramfs: Documentation/driver-api/early-userspace/buffer-format.rst.
import { MusterError } from '../errors.ts';

/** A stream of pieces, read by so many bytes at a time. */
export class ByteSource {
  /** Bytes taken so far. */
  position = 0;
  private readonly pieces: AsyncIterator<Buffer>;
  private buffer: Buffer = Buffer.alloc(0);

  constructor(stream: AsyncIterable<Buffer>) {
    this.pieces = stream[Symbol.asyncIterator]();
  }

  /** The next bytes without taking them; fewer at the end. */
  async peek(count: number): Promise<Buffer> {
    const parts = [this.buffer];
    let have = this.buffer.length;
    while (have < count) {
      const { value, done } = await this.pieces.next();
      if (done === true) break;
      parts.push(value);
      have += value.length;
    }
    if (parts.length > 1) this.buffer = Buffer.concat(parts);
    return this.buffer.subarray(0, count);
  }

  async take(count: number): Promise<Buffer> {
    const bytes = await this.peek(count);
    if (bytes.length < count) throw new MusterError('bad-value', 'the archive ends in the middle of a file');
    this.buffer = this.buffer.subarray(count);
    this.position += count;
    return bytes;
  }

  async skip(count: number): Promise<void> {
    for (let left = count; left > 0; ) {
      const part = await this.peek(1);
      if (part.length === 0) throw new MusterError('bad-value', 'the archive ends in the middle of a file');
      const step = Math.min(left, this.buffer.length);
      this.buffer = this.buffer.subarray(step);
      this.position += step;
      left -= step;
    }
  }
}

export interface CpioFile {
  name: string;
  size: number;
  /** Its bytes; to be called before the next file is asked for, or not at all. */
  read(): Promise<Buffer>;
}

/** Bytes of a header, and the places of its fields of eight hex digits. */
const HEADER = 110;
const FIELDS = { size: 6, nameSize: 11 } as const;
const MOST_NAME = 4096;

export function isCpio(bytes: Buffer): boolean {
  return /^07070[12]$/.test(bytes.toString('latin1', 0, 6));
}

/** The files of one archive, up to its trailer. */
export async function* cpioFiles(source: ByteSource): AsyncGenerator<CpioFile> {
  const start = source.position;
  const padding = (): number => (4 - ((source.position - start) % 4)) % 4;
  for (;;) {
    const header = await source.take(HEADER);
    if (!isCpio(header)) throw new MusterError('bad-value', 'the archive has no header where one should be');
    const field = (index: number): number =>
      Number.parseInt(header.toString('latin1', 6 + index * 8, 14 + index * 8), 16);
    const [size, nameSize] = [field(FIELDS.size), field(FIELDS.nameSize)];
    if (!(size >= 0 && nameSize > 0 && nameSize <= MOST_NAME))
      throw new MusterError('bad-value', 'the archive has a header that cannot be read');
    const name = (await source.take(nameSize)).toString('utf8', 0, nameSize - 1);
    await source.skip(padding());
    if (name === 'TRAILER!!!') return;
    const end = source.position + size;
    yield { name, size, read: async () => source.take(size) };
    await source.skip(end - source.position);
    await source.skip(padding());
  }
}
