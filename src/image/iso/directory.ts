// Reads one directory of an ISO image: its records become entries with the names that Linux would show.
import type { FileHandle } from 'node:fs/promises';
import { badIso, type DirectoryRecord, readRecords, SECTOR, ucs2, type Volume } from './records.ts';
import { type RockRidge, readRockRidge } from './rock-ridge.ts';

export interface IsoEntry {
  name: string;
  kind: 'file' | 'directory' | 'link';
  /** First byte in the image, and how many. */
  offset: number;
  size: number;
  /** The target of a link. */
  target?: string;
  /** Why the content cannot be served; absent when it can. */
  problem?: string;
}

/** How an image names things. */
export interface Naming {
  volume: Volume;
  /** Bytes to leave out of each system use field; undefined without Rock Ridge. */
  skip: number | undefined;
}

/** A directory of 32 MiB has some 200 000 entries. */
const DIRECTORY_LIMIT = 32 << 20;
/** Total continuation areas read for one directory. */
const AREA_LIMIT = 200_000;

/** Reads bytes that must exist; an image that ends earlier is cut short. */
export async function readWhole(handle: FileHandle, offset: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await handle.read(buffer, done, length - done, offset + done);
    if (bytesRead === 0) throw badIso(`it is cut short: it ends before byte ${offset + length}`);
    done += bytesRead;
  }
  return buffer;
}

export async function readDirectory(
  handle: FileHandle,
  { volume, skip }: Naming,
  place: Pick<IsoEntry, 'offset' | 'size'>,
): Promise<IsoEntry[]> {
  if (place.size > DIRECTORY_LIMIT) throw badIso(`a directory of ${place.size} bytes is too large`);
  const areas = areaReader(handle, volume.blockSize);
  const entries: IsoEntry[] = [];
  let first: IsoEntry | undefined;
  for (const record of readRecords(await readWhole(handle, place.offset, place.size), volume.blockSize)) {
    const [only] = record.identifier;
    if (record.identifier.length === 1 && (only === 0 || only === 1)) continue;
    const more = skip === undefined ? undefined : await readRockRidge(record.systemUse.subarray(skip), areas);
    if (more?.relocated) continue;
    const entry = await entryOf(handle, volume, record, more);
    if (first) joinSection(first, entry);
    else entries.push(entry);
    // ECMA-119 §6.5: a file with several sections has consecutive records for them.
    first = record.goesOn ? (first ?? entry) : undefined;
  }
  return entries;
}

/** The areas of one directory are mostly in the same few blocks. */
function areaReader(handle: FileHandle, blockSize: number) {
  let held: { block: number; bytes: Buffer } | undefined;
  let count = 0;
  return async (block: number, offset: number, length: number): Promise<Buffer> => {
    count += 1;
    if (count > AREA_LIMIT) throw badIso('a directory has more continuation areas than an image can need');
    if (held?.block !== block) held = { block, bytes: await readWhole(handle, block * blockSize, blockSize) };
    if (offset + length > blockSize) throw badIso('a continuation area leaves its block');
    return held.bytes.subarray(offset, offset + length);
  };
}

async function entryOf(
  handle: FileHandle,
  volume: Volume,
  record: DirectoryRecord,
  more: RockRidge | undefined,
): Promise<IsoEntry> {
  const { offset, size, problem } = record;
  const name = more?.name ?? plainName(record, volume.joliet);
  if (more?.child !== undefined) {
    const moved = more.child * volume.blockSize;
    return { name, kind: 'directory', offset: moved, size: await directorySize(handle, volume, moved) };
  }
  const kind = more?.target !== undefined ? 'link' : record.isDirectory ? 'directory' : 'file';
  const why = more?.packed ? 'it is packed (zisofs)' : problem;
  return {
    name,
    kind,
    offset,
    size,
    ...(more?.target !== undefined && { target: more.target }),
    ...(why && { problem: why }),
  };
}

/** Without Rock Ridge: no version number, and in lower case unless it is Joliet, as Linux shows it. */
function plainName({ identifier, isDirectory }: DirectoryRecord, joliet: boolean): string {
  const text = joliet ? ucs2(identifier) : identifier.toString('latin1').toLowerCase();
  const base = isDirectory ? text : text.replace(/;\d+$/, '');
  return base.endsWith('.') && !joliet ? base.slice(0, -1) : base;
}

/** Returns the size of a directory from its own first record (ECMA-119 §6.8.2.2). */
async function directorySize(handle: FileHandle, volume: Volume, offset: number): Promise<number> {
  const start = await readWhole(handle, offset, SECTOR);
  const [own] = readRecords(start.subarray(0, start[0] ?? 0), volume.blockSize);
  if (!own?.isDirectory) throw badIso('a moved directory is not where the image claims');
  return own.size;
}

/** Joins consecutive sections into one piece; every program writes them that way. */
function joinSection(first: IsoEntry, next: IsoEntry): void {
  if (next.offset !== first.offset + first.size) first.problem = 'its parts are not contiguous';
  first.size += next.size;
}
