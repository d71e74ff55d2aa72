// Numbers in tar archives, and sparse files, as GNU tar writes them (its manual, "Storing Sparse Files").
import { MusterError } from '../../errors.ts';
import type { ByteSource } from '../byte-source.ts';

export const BLOCK = 512;
/** The most pieces of a sparse file. */
const MOST_PIECES = 1_000_000;

export const bad = (why: string): MusterError => new MusterError('bad-value', why);

/** Octal digits, or GNU's base 256: the first bit is set, followed by two's complement, most significant byte first. */
export function number(header: Buffer, at: number, length: number, what: string): number {
  const first = header[at] ?? 0;
  if ((first & 0x80) !== 0) {
    let value = BigInt(first & 0x40 ? -1 : 0);
    for (let byte = 0; byte < length; byte += 1) {
      const bits = byte === 0 ? first & 0x3f : (header[at + byte] ?? 0);
      value = (value << (byte === 0 ? 6n : 8n)) | BigInt(bits);
    }
    const result = Number(value);
    if (!Number.isSafeInteger(result)) throw bad(`one of its headers has an impossible ${what}`);
    return result;
  }
  const text = header.toString('latin1', at, at + length).replace(/^[ \0]+|[ \0].*$/gs, '');
  if (!/^[0-7]*$/.test(text)) throw bad(`it is not a tar archive or is damaged: a header has an impossible ${what}`);
  return text === '' ? 0 : Number.parseInt(text, 8);
}

/** A sparse file: its size, and the places of its pieces. */
export interface Sparse {
  size: number;
  pieces: { at: number; length: number }[];
}

export const NOT_SPARSE = { sparse: undefined, taken: 0 };

/** GNU's three formats for holes: in the header (S), in pax records (0.0 and 0.1), in front of the content (1.0). */
export async function sparseOf(
  source: ByteSource,
  header: Buffer,
  flag: string,
  records: ReadonlyMap<string, Buffer>,
  stored: number,
): Promise<{ sparse: Sparse | undefined; taken: number }> {
  const text = (key: string): string => records.get(`GNU.sparse.${key}`)?.toString('latin1') ?? '';
  let pairs: number[] = [];
  let taken = 0;
  let size = Number(text('realsize') || text('size'));
  if (flag === 'S') {
    size = number(header, 483, 12, 'size');
    let [block, at, count, more]: [Buffer, number, number, boolean] = [header, 386, 4, (header[482] ?? 0) !== 0];
    for (;;) {
      for (let row = 0; row < count; row += 1) {
        const length = number(block, at + row * 24 + 12, 12, 'hole');
        if (block[at + row * 24] !== 0) pairs.push(number(block, at + row * 24, 12, 'hole'), length);
      }
      if (!more) break;
      if (pairs.length > 2 * MOST_PIECES) throw bad('a file in it has too many holes');
      block = Buffer.from(await source.take(BLOCK));
      [at, count, more] = [0, 21, (block[504] ?? 0) !== 0];
    }
  } else if (text('major') === '1' && text('minor') === '0') {
    ({ pairs, taken } = await mapInFront(source, stored));
  } else if (text('map') !== '') pairs = text('map').split(',').map(Number);
  else if (records.has('GNU.sparse.major') || records.has('GNU.sparse.numblocks'))
    throw bad('a file in it has holes in an unknown format');
  else return NOT_SPARSE;
  const pieces: Sparse['pieces'] = [];
  let [end, sum] = [0, 0];
  for (let at = 0; at < pairs.length; at += 2) {
    const [from = -1, length = -1] = pairs.slice(at, at + 2);
    if (!Number.isSafeInteger(from + length) || from < end || length < 0 || from + length > size)
      throw bad('a file in it has impossible holes');
    pieces.push({ at: from, length });
    [end, sum] = [from + length, sum + length];
  }
  if (!Number.isSafeInteger(size) || sum !== stored - taken) throw bad('a file in it has impossible holes');
  return { sparse: { size, pieces }, taken };
}

/** Version 1.0: decimal numbers, one per line, the count first, in whole blocks. */
async function mapInFront(source: ByteSource, stored: number): Promise<{ pairs: number[]; taken: number }> {
  let [text, taken] = ['', 0];
  for (;;) {
    if (taken + BLOCK > stored || taken > MOST_PIECES * 24) throw bad('a file in it has impossible holes');
    text += (await source.take(BLOCK)).toString('latin1');
    taken += BLOCK;
    const lines = text.split('\n');
    const count = Number(lines[0]);
    if (lines.length < 2) continue;
    if (!(count >= 0 && count <= MOST_PIECES)) throw bad('a file in it has impossible holes');
    if (lines.length > 2 * count + 1) return { pairs: lines.slice(1, 2 * count + 1).map(Number), taken };
  }
}
