// cwsquash: a GPT disk image (UEFI 2.10 §5.3) whose one partition, at 1 MiB, is a squashfs. Bytes only.
//
//   LBA 0        protective MBR            LBA 2048 …   the squashfs
//   LBA 1        primary header            then         backup entries (32 sectors)
//   LBA 2 … 33   primary entries           last LBA     backup header
import { crc32 } from 'node:zlib';
import type { Refused } from '../refused.ts';

export const SECTOR = 512;
/** Where the squashfs begins. */
export const ROOT_OFFSET = 1 << 20;

const ENTRY_SIZE = 128;
const ENTRY_COUNT = 128;
const ENTRY_BYTES = ENTRY_SIZE * ENTRY_COUNT;
const HEADER_SIZE = 92;
const SIGNATURE = Buffer.from('EFI PART', 'latin1');

// "Linux filesystem data", and fixed identifiers: the same squashfs gives the same image, byte for byte.
const TYPE_LINUX = guid('0FC63DAF-8483-4772-8E79-3D69D8477DE4');
const DISK_ID = guid('6D757374-6572-4677-8371-756173680000');
const PARTITION_ID = guid('6D757374-6572-4677-8371-756173680001');

/** Where a squashfs lies in a file. */
export interface RootRange {
  offset: number;
  /** Bytes, up to the end of the partition. */
  size: number;
}

/** `isDamaged`: it begins like an image but is damaged; otherwise it may be another kind of file. */
export type FoundRoot = RootRange | (Refused & { isDamaged?: true });

function damaged(refused: string): Refused & { isDamaged: true } {
  return { refused, isDamaged: true };
}

/** What to put before and after an upload to make it a cwsquash, and where the squashfs then is. */
export type ImageUpload = { prefix: Buffer; suffix: Buffer; root: RootRange } | Refused;

/**
 * Decides from the first bytes (1 MiB, or all if there are fewer) of a file of `length` bytes: wraps a bare squashfs, and leaves
 * a cwsquash as it is.
 */
export function planImageUpload(beginning: Buffer, length: number): ImageUpload {
  if (isSquashfs(beginning)) {
    const problem = squashfsProblem(beginning, length);
    if (problem) return { refused: problem };
    const { prefix, suffix } = wrapping(length);
    return { prefix, suffix, root: { offset: ROOT_OFFSET, size: length } };
  }
  const root = findRoot(beginning, length);
  return 'refused' in root ? root : { prefix: Buffer.alloc(0), suffix: Buffer.alloc(0), root };
}

/** Returns the bytes before and after a squashfs of `size` bytes. */
export function wrapping(size: number): { prefix: Buffer; suffix: Buffer } {
  const padding = (SECTOR - (size % SECTOR)) % SECTOR;
  const firstLba = ROOT_OFFSET / SECTOR;
  const lastLba = firstLba + (size + padding) / SECTOR - 1;
  const backupEntries = lastLba + 1;
  const lastSector = backupEntries + ENTRY_BYTES / SECTOR;
  const entries = entryArray(firstLba, lastLba);
  const prefix = Buffer.alloc(ROOT_OFFSET);
  protectiveMbr(lastSector).copy(prefix, 0);
  header({ own: 1, other: lastSector, entries: 2, lastUsable: lastLba, array: entries }).copy(prefix, SECTOR);
  entries.copy(prefix, 2 * SECTOR);
  const backup = header({ own: lastSector, other: 1, entries: backupEntries, lastUsable: lastLba, array: entries });
  return { prefix, suffix: Buffer.concat([Buffer.alloc(padding), entries, backup]) };
}

/** Finds the squashfs from the first MiB of a cwsquash or of a bare squashfs; `length` is the length of the whole file. */
export function findRoot(beginning: Buffer, length: number): FoundRoot {
  if (isSquashfs(beginning)) {
    const problem = squashfsProblem(beginning, length);
    return problem ? damaged(problem) : { offset: 0, size: length };
  }
  if (beginning.length < 3 * SECTOR) return { refused: `it has only ${length} bytes` };
  const gpt = beginning.subarray(SECTOR, 2 * SECTOR);
  if (!gpt.subarray(0, 8).equals(SIGNATURE)) return { refused: 'it does not begin with a squashfs or a GPT' };
  const headerSize = gpt.readUInt32LE(12);
  if (headerSize < HEADER_SIZE || headerSize > SECTOR) return { refused: 'its GPT header has an impossible size' };
  const copy = Buffer.from(gpt.subarray(0, headerSize));
  copy.writeUInt32LE(0, 16);
  if (crc32(copy) !== gpt.readUInt32LE(16)) return damaged('its GPT header is damaged (checksum)');
  // The backup header is the last sector. Without it the end of the file is missing, whatever the partition claims.
  const end = (Number(gpt.readBigUInt64LE(32)) + 1) * SECTOR;
  if (end > length) return damaged(`it is cut short: the disk has ${end} bytes, the file ${length}`);
  return partitionIn(beginning, gpt, length);
}

function partitionIn(beginning: Buffer, gpt: Buffer, length: number): FoundRoot {
  const start = Number(gpt.readBigUInt64LE(72)) * SECTOR;
  const [count, size] = [gpt.readUInt32LE(80), gpt.readUInt32LE(84)];
  if (size < ENTRY_SIZE || size > 4096 || count > 1024 || start + count * size > beginning.length) {
    return { refused: 'its GPT has an impossible partition table' };
  }
  for (let index = 0; index < count; index += 1) {
    const entry = beginning.subarray(start + index * size, start + (index + 1) * size);
    if (entry.subarray(0, 16).every(byte => byte === 0)) continue;
    const offset = Number(entry.readBigUInt64LE(32)) * SECTOR;
    const end = (Number(entry.readBigUInt64LE(40)) + 1) * SECTOR;
    if (end <= offset || end > length)
      return damaged(`it is cut short: its partition ends at byte ${end}, the file at ${length}`);
    return rootAt(beginning, offset, end - offset);
  }
  return { refused: 'its GPT has no partition' };
}

/** Checks the superblock if it is among the first bytes, as in every image of ours. */
function rootAt(beginning: Buffer, offset: number, size: number): FoundRoot {
  const start = beginning.subarray(offset, offset + 96);
  if (start.length >= 48) {
    if (!isSquashfs(start)) return { refused: 'its first partition holds no squashfs' };
    const problem = squashfsProblem(start, size);
    if (problem) return damaged(problem);
  }
  return { offset, size };
}

function isSquashfs(bytes: Buffer): boolean {
  return bytes.length >= 4 && bytes.toString('latin1', 0, 4) === 'hsqs';
}

/** Squashfs 4.0 superblock: major version at 28 (16 bits), bytes_used at 40 (64 bits), little-endian. */
function squashfsProblem(bytes: Buffer, length: number): string | undefined {
  if (bytes.length < 96) return 'its squashfs is shorter than a superblock';
  if (bytes.readUInt16LE(28) !== 4) return `its squashfs has version ${bytes.readUInt16LE(28)}; 4 is required`;
  const used = Number(bytes.readBigUInt64LE(40));
  return used > length ? `its squashfs is cut short: it needs ${used} bytes and has ${length}` : undefined;
}

function entryArray(firstLba: number, lastLba: number): Buffer {
  const entries = Buffer.alloc(ENTRY_BYTES);
  TYPE_LINUX.copy(entries, 0);
  PARTITION_ID.copy(entries, 16);
  entries.writeBigUInt64LE(BigInt(firstLba), 32);
  entries.writeBigUInt64LE(BigInt(lastLba), 40);
  // Attribute bit 60: read-only.
  entries.writeBigUInt64LE(1n << 60n, 48);
  entries.write('root', 56, 'utf16le');
  return entries;
}

function header(at: { own: number; other: number; entries: number; lastUsable: number; array: Buffer }): Buffer {
  const sector = Buffer.alloc(SECTOR);
  SIGNATURE.copy(sector, 0);
  sector.writeUInt32LE(0x0001_0000, 8);
  sector.writeUInt32LE(HEADER_SIZE, 12);
  sector.writeBigUInt64LE(BigInt(at.own), 24);
  sector.writeBigUInt64LE(BigInt(at.other), 32);
  sector.writeBigUInt64LE(BigInt(2 + ENTRY_BYTES / SECTOR), 40);
  sector.writeBigUInt64LE(BigInt(at.lastUsable), 48);
  DISK_ID.copy(sector, 56);
  sector.writeBigUInt64LE(BigInt(at.entries), 72);
  sector.writeUInt32LE(ENTRY_COUNT, 80);
  sector.writeUInt32LE(ENTRY_SIZE, 84);
  sector.writeUInt32LE(crc32(at.array), 88);
  sector.writeUInt32LE(crc32(sector.subarray(0, HEADER_SIZE)), 16);
  return sector;
}

/** UEFI 2.10 §5.2.3: one entry of type 0xEE over the whole disk. */
function protectiveMbr(lastSector: number): Buffer {
  const mbr = Buffer.alloc(SECTOR);
  Buffer.from([0x00, 0x00, 0x02, 0x00, 0xee, 0xff, 0xff, 0xff]).copy(mbr, 446);
  mbr.writeUInt32LE(1, 454);
  mbr.writeUInt32LE(Math.min(lastSector, 0xffffffff), 458);
  mbr.writeUInt16LE(0xaa55, 510);
  return mbr;
}

/** The mixed-endian form of UEFI appendix A. */
function guid(text: string): Buffer {
  const bytes = Buffer.from(text.replaceAll('-', ''), 'hex');
  bytes.subarray(0, 4).reverse();
  bytes.subarray(4, 6).reverse();
  bytes.subarray(6, 8).reverse();
  return bytes;
}
