// Reads cpio archives (newc) from a stream, as the kernel reads an initramfs: Documentation/driver-api/early-userspace/buffer-format.rst.
import { MusterError } from '../errors.ts';
import type { ByteSource } from './byte-source.ts';

export interface CpioFile {
  name: string;
  size: number;
  /** Returns its bytes; call it before requesting the next file, or not at all. */
  read(): Promise<Buffer>;
}

/** The size of a header in bytes, and the offsets of its fields of eight hex digits. */
const HEADER = 110;
const FIELDS = { size: 6, nameSize: 11 } as const;
const MOST_NAME = 4096;

export function isCpio(bytes: Buffer): boolean {
  return /^07070[12]$/.test(bytes.toString('latin1', 0, 6));
}

/** Yields the files of one archive, up to its trailer. */
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
