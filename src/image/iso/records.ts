// ISO 9660 (ECMA-119) as bytes: volume descriptors and directory records. Trusts nothing in an image and checks every length.
import { MusterError } from '../../errors.ts';

/** ECMA-119 §6.1.2: a logical sector has 2048 bytes; directory records do not cross its end. */
export const SECTOR = 2048;

export function badIso(why: string): MusterError {
  return new MusterError('bad-iso', `The file is not an ISO 9660 image that muster can serve: ${why}.`);
}

export interface DirectoryRecord {
  /** Bytes from the beginning of the image. */
  offset: number;
  size: number;
  isDirectory: boolean;
  /** The file continues in the next record (§9.1.6 bit 7). */
  goesOn: boolean;
  /** Why the file cannot be read; absent when it can. */
  problem?: string;
  /** The raw identifier: `\0` is the directory itself, `\x01` its parent. */
  identifier: Buffer;
  systemUse: Buffer;
}

export interface Volume {
  /** Bytes of a logical block, the unit of extents. */
  blockSize: number;
  /** Blocks of the whole volume. */
  blocks: number;
  label: string;
  root: DirectoryRecord;
  /** Joliet: identifiers are UCS-2, big-endian. */
  joliet: boolean;
}

/** §8: what a volume descriptor is, by its first byte and `CD001`. */
export function descriptorType(sector: Buffer): number | undefined {
  return sector.length === SECTOR && sector.toString('latin1', 1, 6) === 'CD001' ? sector[0] : undefined;
}

/** §8.4 and §8.5: a primary descriptor, or a supplementary one of Joliet; undefined for any other. */
export function readVolume(sector: Buffer): Volume | undefined {
  const type = descriptorType(sector);
  const joliet = type === 2 && /^%\/[@CE]/.test(sector.toString('latin1', 88, 91));
  if (type !== 1 && !joliet) return undefined;
  const blockSize = sector.readUInt16LE(128);
  if (![512, 1024, 2048].includes(blockSize)) throw badIso(`its logical blocks have ${blockSize} bytes`);
  const [root] = readRecords(sector.subarray(156, 190), blockSize);
  if (!root?.isDirectory || root.size === 0) throw badIso('it has no root directory');
  const label = joliet ? ucs2(sector.subarray(40, 72)) : sector.toString('latin1', 40, 72);
  return {
    blockSize,
    blocks: sector.readUInt32LE(80),
    label: label.replace(/[^\x20-\x7e]/g, '').trim(),
    root,
    joliet,
  };
}

/** §9.1: the records of a directory's extent, in their order; zeros fill the rest of a sector. */
export function readRecords(directory: Buffer, blockSize: number): DirectoryRecord[] {
  const records: DirectoryRecord[] = [];
  for (let at = 0; at < directory.length; ) {
    const length = directory[at] ?? 0;
    if (length === 0) {
      at = (Math.floor(at / SECTOR) + 1) * SECTOR;
      continue;
    }
    const nameLength = directory[at + 32] ?? 0;
    if (length < 33 + nameLength || at + length > directory.length) throw badIso('a directory record is cut off');
    records.push(readRecord(directory.subarray(at, at + length), nameLength, blockSize));
    at += length;
  }
  return records;
}

function readRecord(record: Buffer, nameLength: number, blockSize: number): DirectoryRecord {
  const flags = record[25] ?? 0;
  // §9.1.9: the identifier is padded to an even length.
  const systemUse = record.subarray(33 + nameLength + (nameLength % 2 === 0 ? 1 : 0));
  // §9.1.2: an extended attribute record stands before the data.
  const block = record.readUInt32LE(2) + (record[1] ?? 0);
  const interleaved = (record[26] ?? 0) !== 0 || (record[27] ?? 0) !== 0;
  return {
    offset: block * blockSize,
    size: record.readUInt32LE(10),
    isDirectory: (flags & 0x02) !== 0,
    goesOn: (flags & 0x80) !== 0,
    ...(interleaved && { problem: 'it is interleaved' }),
    identifier: record.subarray(33, 33 + nameLength),
    systemUse,
  };
}

/** Joliet's big-endian UCS-2. */
export function ucs2(bytes: Buffer): string {
  return Buffer.from(bytes.subarray(0, bytes.length & ~1))
    .swap16()
    .toString('utf16le');
}
