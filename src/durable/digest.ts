// SHA-256 of files: the reader shared by backup, doctor, storage and `why`.
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

export interface DigestOptions {
  /** A part of the file to digest as well, in bytes. */
  range?: { offset: number; size: number };
  /** For a file that a person names, which may be a link. */
  follow?: boolean;
  /** Called after each piece with its bytes; an exception ends the reading. */
  read?(bytes: number): void;
}

export interface Digests {
  whole: string;
  /** The digest of the range; of the whole without a range. */
  range: string;
  /** Bytes that were read. */
  size: number;
}

/** Digests a file, and a range in it, in one pass. Refuses a link unless `follow` is set: stored files are plain files. */
export async function digestFile(path: string, { range, follow = false, read }: DigestOptions = {}): Promise<Digests> {
  const whole = createHash('sha256');
  const part = createHash('sha256');
  const handle = await open(path, constants.O_RDONLY | (follow ? 0 : constants.O_NOFOLLOW));
  let position = 0;
  try {
    const buffer = Buffer.allocUnsafe(1 << 20);
    for (;;) {
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, position);
      if (bytesRead === 0) break;
      const chunk = buffer.subarray(0, bytesRead);
      whole.update(chunk);
      if (range) {
        const from = Math.max(range.offset - position, 0);
        const to = Math.min(range.offset + range.size - position, bytesRead);
        if (to > from) part.update(chunk.subarray(from, to));
      }
      position += bytesRead;
      read?.(bytesRead);
    }
  } finally {
    await handle.close();
  }
  const digest = whole.digest('hex');
  return { whole: digest, range: range ? part.digest('hex') : digest, size: position };
}
