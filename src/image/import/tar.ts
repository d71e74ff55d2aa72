// Tape archives as bytes: ustar, pax (POSIX.1-2001) and GNU's extensions, member by member from a stream. Trusts nothing in them.
// Names need not be UTF-8: each character of a name in here is a byte of it (latin1).

import { own } from '../../own.ts';
import type { ByteSource } from '../byte-source.ts';
import { BLOCK, bad, NOT_SPARSE, number, type Sparse, sparseOf } from './tar-sparse.ts';

/** The largest pax header or long name in bytes, as in Go's archive/tar, which container engines use. */
const MOST_HEADER = 1 << 20;
/** PATH_MAX of Linux. */
const MOST_NAME = 4096;

export type MemberType = 'file' | 'folder' | 'link' | 'hardlink' | 'character' | 'block' | 'fifo';

export interface Member {
  name: string;
  type: MemberType;
  /** Permissions with setuid, setgid and sticky. */
  mode: number;
  uid: number;
  gid: number;
  /** Names of the owner and group; empty when the archive has none. */
  owner: string;
  groupName: string;
  /** Seconds since 1970. */
  mtime: number;
  /** The target of a symbolic or hard link. */
  target: string;
  major: number;
  minor: number;
  /** Extended attributes by name. */
  attributes: ReadonlyMap<string, Buffer>;
  /** Bytes of a file when unpacked. */
  size: number;
  /** The stored parts of a file with their offsets; read them before the next member, or not at all. */
  content(): AsyncGenerator<{ at: number; bytes: Buffer }>;
}

const TYPES: Readonly<Record<string, MemberType>> = {
  '\0': 'file',
  '0': 'file',
  '7': 'file',
  S: 'file',
  '1': 'hardlink',
  '2': 'link',
  '3': 'character',
  '4': 'block',
  '5': 'folder',
  '6': 'fifo',
};

/** Yields the members of an archive in order. Throws `bad-value` with the fault. */
export async function* tarMembers(source: ByteSource): AsyncGenerator<Member> {
  let global = new Map<string, Buffer>();
  let local = new Map<string, Buffer>();
  let longName: string | undefined;
  let longTarget: string | undefined;
  for (;;) {
    const header = await nextHeader(source);
    if (!header) return;
    const flag = header.toString('latin1', 156, 157);
    const stored = number(header, 124, 12, 'size');
    if (flag === 'x' || flag === 'g') {
      const records = paxRecords(await wholeOf(source, stored));
      if (flag === 'x') local = records;
      else global = joined(global, records);
      continue;
    }
    if (flag === 'L' || flag === 'K') {
      const text = (await wholeOf(source, stored)).toString('latin1').replace(/\0.*$/s, '');
      if (flag === 'L') longName = text;
      else longTarget = text;
      continue;
    }
    const records = new Map([...global, ...local]);
    const { member, size, sparse } = await decode(source, header, flag, stored, records, longName, longTarget);
    const start = source.position;
    yield { ...member, content: () => contentOf(source, size, sparse) };
    await source.skip(start + size + padding(size) - source.position);
    local = new Map();
    longName = undefined;
    longTarget = undefined;
  }
}

async function decode(
  source: ByteSource,
  header: Buffer,
  flag: string,
  stored: number,
  records: ReadonlyMap<string, Buffer>,
  longName: string | undefined,
  longTarget: string | undefined,
): Promise<{ member: Omit<Member, 'content'>; size: number; sparse: Sparse | undefined }> {
  const text = (key: string): string | undefined => records.get(key)?.toString('latin1');
  const decimal = (key: string): number | undefined => {
    const value = text(key);
    if (value === undefined || value === '') return undefined;
    if (!/^-?\d{1,15}(\.\d*)?$/.test(value)) throw bad(`a pax header has ${key}=${value.slice(0, 40)}`);
    return Math.floor(Number(value));
  };
  const isUstar = header.toString('latin1', 257, 263) === 'ustar\0';
  // GNU's own format, whose magic continues with a blank, has the names too.
  const isPosix = header.toString('latin1', 257, 262) === 'ustar';
  const prefix = isUstar ? field(header, 345, 155) : '';
  const short = prefix === '' ? field(header, 0, 100) : `${prefix}/${field(header, 0, 100)}`;
  const name = text('GNU.sparse.name') ?? text('path') ?? longName ?? short;
  const target = text('linkpath') ?? longTarget ?? field(header, 157, 100);
  for (const path of [name, target])
    if (path.length > MOST_NAME || path.includes('\0')) throw bad('it has a name that no file can have');
  const given = own(TYPES, flag);
  if (given === undefined) throw bad(`${JSON.stringify(name)} is of an unknown kind (${JSON.stringify(flag)})`);
  // Archives older than POSIX mark a folder by its name.
  const type = given === 'file' && flag !== 'S' && name.endsWith('/') ? 'folder' : given;
  const bytes = decimal('size') ?? stored;
  // Only files have content, whatever the header claims.
  const size = type === 'file' ? bytes : 0;
  if (!Number.isSafeInteger(size) || size < 0) throw bad(`${JSON.stringify(name)} has an impossible size`);
  const { sparse, taken } = type === 'file' ? await sparseOf(source, header, flag, records, size) : NOT_SPARSE;
  const attributes = new Map<string, Buffer>();
  for (const [key, value] of records)
    if (key.startsWith('SCHILY.xattr.')) attributes.set(key.slice('SCHILY.xattr.'.length), value);
  const member = {
    name,
    type,
    target,
    attributes,
    mode: number(header, 100, 8, 'mode') & 0o7777,
    uid: decimal('uid') ?? number(header, 108, 8, 'uid'),
    gid: decimal('gid') ?? number(header, 116, 8, 'gid'),
    owner: text('uname') ?? (isPosix ? field(header, 265, 32) : ''),
    groupName: text('gname') ?? (isPosix ? field(header, 297, 32) : ''),
    mtime: decimal('mtime') ?? number(header, 136, 12, 'mtime'),
    major: type === 'character' || type === 'block' ? number(header, 329, 8, 'device') : 0,
    minor: type === 'character' || type === 'block' ? number(header, 337, 8, 'device') : 0,
    size: sparse?.size ?? size,
  };
  return { member, size: size - taken, sparse };
}

/** Returns a header with a valid checksum; undefined at the end: two blocks of zeros, or nothing. */
async function nextHeader(source: ByteSource): Promise<Buffer | undefined> {
  const first = await source.peek(BLOCK);
  if (first.length === 0) return undefined;
  const header = Buffer.from(await source.take(BLOCK));
  if (header.every(byte => byte === 0)) {
    const next = await source.peek(BLOCK);
    if (next.length === 0 || next.every(byte => byte === 0)) return undefined;
    throw bad('it has data after its end');
  }
  const sum = header.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 0x20 : byte), 0);
  if (number(header, 148, 8, 'checksum') !== sum)
    throw bad('it is not a tar archive or is damaged: a header has a wrong checksum');
  return header;
}

/** Global records apply from here on. They stay in memory, so all of them together have the limit of one header. */
function joined(global: ReadonlyMap<string, Buffer>, more: ReadonlyMap<string, Buffer>): Map<string, Buffer> {
  const all = new Map([...global, ...more]);
  let bytes = 0;
  for (const [key, value] of all) bytes += key.length + value.length;
  if (bytes > MOST_HEADER) throw bad(`its global headers have more than ${MOST_HEADER} bytes`);
  return all;
}

async function wholeOf(source: ByteSource, size: number): Promise<Buffer> {
  if (size > MOST_HEADER) throw bad(`one of its headers has ${size} bytes; the limit is ${MOST_HEADER}`);
  const bytes = Buffer.from(await source.take(size));
  await source.skip(padding(size));
  return bytes;
}

const padding = (size: number): number => (BLOCK - (size % BLOCK)) % BLOCK;

function field(header: Buffer, at: number, length: number): string {
  return header.toString('latin1', at, at + length).replace(/\0.*$/s, '');
}

/** POSIX.1-2001, pax: `LENGTH KEY=VALUE\n`, with the total length in decimal digits. An empty value cancels a record. */
function paxRecords(bytes: Buffer): Map<string, Buffer> {
  const records = new Map<string, Buffer>();
  for (let at = 0; at < bytes.length; ) {
    const blank = bytes.indexOf(0x20, at);
    const digits = blank < 0 ? '' : bytes.toString('latin1', at, blank);
    const length = /^\d{1,7}$/.test(digits) ? Number(digits) : 0;
    const record = bytes.subarray(blank + 1, at + length - 1);
    const equals = record.indexOf(0x3d);
    if (blank < 0 || at + length > bytes.length || bytes[at + length - 1] !== 0x0a || equals <= 0)
      throw bad('one of its pax headers is damaged');
    records.set(record.toString('latin1', 0, equals), Buffer.from(record.subarray(equals + 1)));
    at += length;
  }
  for (const [key, value] of records) if (value.length === 0 && !key.startsWith('SCHILY.xattr.')) records.delete(key);
  return records;
}

async function* contentOf(
  source: ByteSource,
  size: number,
  sparse: Sparse | undefined,
): AsyncGenerator<{ at: number; bytes: Buffer }> {
  for (const piece of sparse?.pieces ?? [{ at: 0, length: size }]) {
    let { at } = piece;
    for await (const bytes of source.pieces(piece.length)) {
      yield { at, bytes };
      at += bytes.length;
    }
  }
}
