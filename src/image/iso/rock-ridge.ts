// Rock Ridge (IEEE P1282) over the System Use Sharing Protocol (P1281): POSIX names and symbolic links of ISO images.
import { badIso } from './records.ts';

export interface RockRidge {
  name?: string;
  /** The target of a symbolic link. */
  target?: string;
  /** Block of a directory that was moved because it was too deep (CL). */
  child?: number;
  /** A directory that is here only because it was moved (RE); it is shown at its original place. */
  relocated?: boolean;
  /** The data is packed (zisofs, ZF). */
  packed?: boolean;
  /** Whether there was any Rock Ridge entry. */
  seen: boolean;
}

/** Reads a continuation area: bytes of the image. */
export type ReadArea = (block: number, offset: number, length: number) => Promise<Buffer>;

/** A chain of continuation areas longer than this is a loop. */
const HOPS = 32;
/** P1281 §5.1: no area is longer than a block. */
const AREA = 2048;
/** The longest path in POSIX. */
const PATH = 4096;

/** P1281 §5.3: returns how many bytes of each record's system use field to skip; undefined without SUSP. */
export function suspSkip(systemUseOfRoot: Buffer): number | undefined {
  // A CD-ROM XA volume has 14 extra bytes first.
  for (const at of [0, 14]) {
    const entry = systemUseOfRoot.subarray(at, at + 7);
    if (entry.length === 7 && entry.toString('latin1', 0, 2) === 'SP' && entry[4] === 0xbe && entry[5] === 0xef)
      return entry[6] ?? 0;
  }
  return undefined;
}

/** Returns the content of one record's system use field, including its continuation areas. */
export async function readRockRidge(systemUse: Buffer, read: ReadArea): Promise<RockRidge> {
  const found: RockRidge = { seen: false };
  const parts: Parts = { name: [], target: '', targetEnds: true };
  let area: Buffer | undefined = systemUse;
  for (let hops = 0; area; hops += 1) {
    if (hops > HOPS) throw badIso('the continuation areas of a directory record are a loop');
    const next = takeEntries(area, found, parts);
    area = next && (await read(next.block, next.offset, next.length));
  }
  if (parts.name.length > 0) found.name = Buffer.concat(parts.name).toString('utf8');
  if (parts.target !== '') found.target = parts.target;
  return found;
}

interface Parts {
  name: Buffer[];
  target: string;
  /** False when the last component of the link continues in the next entry. */
  targetEnds: boolean;
}

/** P1281 §4: reads entries of two letters, a length and a version; returns where they continue. */
function takeEntries(
  area: Buffer,
  found: RockRidge,
  parts: Parts,
): { block: number; offset: number; length: number } | undefined {
  let next: { block: number; offset: number; length: number } | undefined;
  for (let at = 0; at + 4 <= area.length; ) {
    const length = area[at + 2] ?? 0;
    if (length < 4 || at + length > area.length) break;
    const signature = area.toString('latin1', at, at + 2);
    const data = area.subarray(at + 4, at + length);
    if (signature === 'ST') break;
    if (signature === 'CE' && data.length >= 24) {
      next = { block: data.readUInt32LE(0), offset: data.readUInt32LE(8), length: data.readUInt32LE(16) };
      if (next.length > AREA || next.offset > AREA) throw badIso('a continuation area is too long');
    }
    if (['PX', 'NM', 'SL', 'CL', 'RE', 'RR'].includes(signature)) found.seen = true;
    if (signature === 'NM') takeName(data, parts);
    if (signature === 'SL') takeLink(data, parts);
    if (signature === 'CL' && data.length >= 4) found.child = data.readUInt32LE(0);
    if (signature === 'RE') found.relocated = true;
    if (signature === 'ZF') found.packed = true;
    at += length;
  }
  return next;
}

/** P1282 §4.1.4: bits 1 and 2 are `.` and `..`, which ISO 9660 already has. */
function takeName(data: Buffer, parts: Parts): void {
  if (data.length < 1 || ((data[0] ?? 0) & 0x06) !== 0) return;
  const known = parts.name.reduce((sum, part) => sum + part.length, 0);
  if (known + data.length > 255 + 1) throw badIso('a name in it is longer than 255 bytes');
  parts.name.push(Buffer.from(data.subarray(1)));
}

/** P1282 §4.1.3: components with flags: 1 continues, 2 `.`, 4 `..`, 8 the root. */
function takeLink(data: Buffer, parts: Parts): void {
  for (let at = 1; at + 2 <= data.length; ) {
    const flags = data[at] ?? 0;
    const length = data[at + 1] ?? 0;
    const text = data.toString('utf8', at + 2, at + 2 + length);
    const word = flags & 0x02 ? '.' : flags & 0x04 ? '..' : flags & 0x08 ? '' : text;
    const joined = parts.targetEnds && parts.target !== '' && !parts.target.endsWith('/') ? '/' : '';
    parts.target += flags & 0x08 ? '/' : joined + word;
    if (parts.target.length > PATH) throw badIso('a symbolic link in it is longer than a path can be');
    parts.targetEnds = (flags & 0x01) === 0;
    at += 2 + length;
  }
}
