// The archive of a file set as bytes: canonical pax (POSIX.1-2001). Equal trees are equal bytes.
import { MusterError, reasonOf } from '../errors.ts';
import { ByteSource } from '../image/byte-source.ts';
import { type Member, tarMembers } from '../image/import/tar.ts';
import {
  badFiles,
  checkedTree,
  fileTooLarge,
  MOST_BYTES,
  MOST_ENTRIES,
  MOST_FILE,
  quoted,
  sizeOf,
  type TreeEntry,
  tooLarge,
} from './tree.ts';

const BLOCK = 512;
const XATTR = 'SCHILY.xattr.';
const FLAGS = { file: '0', link: '2', folder: '5' } as const;

/**
 * Returns the canonical archive of a tree: entries in the order of their paths, no times, names of owners and groups without
 * numbers, and pax records only where a field is too small. Throws `bad-files` for a tree that no node could have.
 */
export function writeTree(entries: readonly TreeEntry[]): Buffer {
  const blocks = checkedTree(entries).flatMap(entry => {
    const name = Buffer.from(entry.path.slice(1) + (entry.type === 'folder' ? '/' : ''));
    const records = paxRecords(entry, name);
    const pax =
      records.length === 0 ? [] : [header('x', Buffer.from('pax'), { size: records.length }), ...padded(records)];
    return [
      ...pax,
      header(FLAGS[entry.type], name, { ...entry, size: entry.content.length }),
      ...padded(entry.content),
    ];
  });
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]);
}

/** Reads any tar archive of files, folders and symbolic links; throws `bad-files` with the file and what is wrong with it. */
export async function readTree(tar: Buffer | AsyncIterable<Buffer>): Promise<TreeEntry[]> {
  const entries: TreeEntry[] = [];
  const files = new Map<string, TreeEntry>();
  let bytes = 0;
  try {
    for await (const member of tarMembers(new ByteSource(Buffer.isBuffer(tar) ? only(tar) : tar))) {
      const path = pathOf(member);
      // `tar -C FOLDER .` names the folder itself, which is not part of the tree.
      if (path === '/') continue;
      if (entries.length >= MOST_ENTRIES)
        throw badFiles(`A file set has at most ${MOST_ENTRIES} files, folders and links.`);
      const entry = await entryOf(member, path, files);
      bytes += sizeOf(entry);
      if (bytes > MOST_BYTES) throw tooLarge();
      entries.push(entry);
      if (entry.type === 'file') files.set(path, entry);
    }
  } catch (error) {
    if (!(error instanceof MusterError) || error.code === 'bad-files') throw error;
    throw badFiles(`The archive cannot be read: ${reasonOf(error)}.`);
  }
  return checkedTree(entries);
}

async function* only(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

/** Returns the path on the node; names in archives are relative to the root. */
function pathOf({ name }: Member): string {
  const text = utf8(name);
  if (text.startsWith('/'))
    throw badFiles(`${quoted(text)} has an absolute name in the archive; make it with tar -C FOLDER .`);
  const parts = text.replace(/\/+$/, '').split('/');
  return `/${(parts[0] === '.' ? parts.slice(1) : parts).join('/')}`;
}

async function entryOf(member: Member, path: string, files: ReadonlyMap<string, TreeEntry>): Promise<TreeEntry> {
  const { type, mode, size } = member;
  const entry = {
    path,
    mode,
    owner: accountOf(member.owner, member.uid),
    group: accountOf(member.groupName, member.gid),
    content: Buffer.alloc(0),
    target: '',
    xattrs: xattrsOf(member.attributes),
  };
  if (type === 'folder') return { ...entry, type };
  if (type === 'link') return { ...entry, type, mode: 0o777, target: utf8(member.target), xattrs: [] };
  if (type === 'hardlink') {
    const known = files.get(`/${utf8(member.target).replace(/^\.\//, '')}`);
    if (!known)
      throw badFiles(
        `${quoted(path)} is a hard link to ${quoted(utf8(member.target))}, which is no file before it in the archive.`,
      );
    return { ...known, path };
  }
  if (type !== 'file')
    throw badFiles(
      `${quoted(path)} is a ${type === 'fifo' ? 'fifo' : 'device'}; file sets have files, folders and links only.`,
    );
  if (size > MOST_FILE) throw fileTooLarge(path);
  // A hole of a sparse file is zeros.
  const content = Buffer.alloc(size);
  for await (const { at, bytes } of member.content()) bytes.copy(content, at);
  return { ...entry, type, content };
}

/** Number 0 is root everywhere. */
function accountOf(name: string, number: number): string {
  if (name !== '') return utf8(name);
  return number === 0 ? 'root' : String(number);
}

function xattrsOf(attributes: ReadonlyMap<string, Buffer>): [string, Buffer][] {
  return sortedXattrs([...attributes].map(([name, value]): [string, Buffer] => [utf8(name), value]));
}

/** Returns attributes in the order of their names; SELinux contexts without the zero byte that some programs store. */
export function sortedXattrs(xattrs: readonly (readonly [string, Buffer])[]): [string, Buffer][] {
  const plain = xattrs.map(([name, value]): [string, Buffer] => [
    name,
    name === 'security.selinux' && value.at(-1) === 0 ? value.subarray(0, -1) : value,
  ]);
  return plain.sort(([left], [right]) => (left < right ? -1 : 1));
}

/** Names in archives are bytes. Those that are not UTF-8 would not survive as text. */
function utf8(bytes: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(bytes, 'latin1'));
  } catch {
    throw badFiles(`${quoted(bytes)} has a name that is not UTF-8; rename it.`);
  }
}

function paxRecords({ owner, group, target, xattrs }: TreeEntry, name: Buffer): Buffer {
  const rows: (readonly [string, Buffer])[] = xattrs.map(([key, value]) => [`${XATTR}${key}`, value] as const);
  const add = (key: string, value: Buffer, most: number): void => {
    if (value.length > most) rows.push([key, value]);
  };
  add('path', name, 100);
  add('linkpath', Buffer.from(target), 100);
  if (!isNumber(owner)) add('uname', Buffer.from(owner), 31);
  else if (Number(owner) > MOST_OCTAL) rows.push(['uid', Buffer.from(owner)]);
  if (!isNumber(group)) add('gname', Buffer.from(group), 31);
  else if (Number(group) > MOST_OCTAL) rows.push(['gid', Buffer.from(group)]);
  return Buffer.concat(
    rows.sort(([left], [right]) => (left < right ? -1 : 1)).map(([key, value]) => record(key, value)),
  );
}

/** The largest number in seven octal digits. */
const MOST_OCTAL = 0o7777777;
const isNumber = (account: string): boolean => /^\d+$/.test(account);

/** `LENGTH KEY=VALUE\n`; the length counts its own digits. */
function record(key: string, value: Buffer): Buffer {
  const rest = Buffer.byteLength(key) + value.length + 3;
  let length = rest + String(rest).length;
  length = rest + String(length).length;
  return Buffer.concat([Buffer.from(`${length} ${key}=`), value, Buffer.from('\n')]);
}

interface HeaderFields {
  size: number;
  mode?: number;
  owner?: string;
  group?: string;
  target?: string;
}

function header(
  flag: string,
  name: Buffer,
  { size, mode = 0o644, owner = 'root', group = 'root', target = '' }: HeaderFields,
): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, digits: number): void => {
    block.write(`${value.toString(8).padStart(digits, '0')}\0`, at, 'latin1');
  };
  const number = (account: string): number =>
    isNumber(account) && Number(account) <= MOST_OCTAL ? Number(account) : 0;
  name.copy(block, 0, 0, 100);
  octal(mode, 100, 7);
  octal(number(owner), 108, 7);
  octal(number(group), 116, 7);
  octal(size, 124, 11);
  octal(0, 136, 11);
  block.write('        ', 148, 'latin1');
  block.write(flag, 156, 'latin1');
  Buffer.from(target).copy(block, 157, 0, 100);
  block.write('ustar\x0000', 257, 'latin1');
  if (!isNumber(owner)) Buffer.from(owner).copy(block, 265, 0, 31);
  if (!isNumber(group)) Buffer.from(group).copy(block, 297, 0, 31);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

function padded(bytes: Buffer): Buffer[] {
  return [bytes, Buffer.alloc((BLOCK - (bytes.length % BLOCK)) % BLOCK)];
}
