// The tree of a file set: its entries with their paths on the node, and the checks of every tree.
import { MusterError } from '../errors.ts';
import { printable } from '../printable.ts';
import { encodeWord } from './index-word.ts';

/** One file, folder or symbolic link, as it is in the archive: a template still has its ending. */
export interface TreeEntry {
  type: 'file' | 'folder' | 'link';
  /** Absolute path. */
  path: string;
  /** Permission bits, 0 to 0o7777; 0o777 for a link. */
  mode: number;
  /** A name, or a number in digits. */
  owner: string;
  group: string;
  /** Of a file; empty otherwise. */
  content: Buffer;
  /** Of a link; empty otherwise. */
  target: string;
  /** Extended attributes, sorted by name. */
  xattrs: readonly (readonly [name: string, value: Buffer])[];
}

/** The most of a set: bytes of all contents, bytes of one file, and entries. */
export const MOST_BYTES = 64 << 20;
export const MOST_FILE = 16 << 20;
export const MOST_ENTRIES = 4096;
/** PATH_MAX and NAME_MAX of Linux, in bytes. */
const MOST_PATH = 4095;
const MOST_NAME = 255;
/** Characters of a path in the index: the node keeps its records below such a path. */
const MOST_WORD = 3900;
/** XATTR_SIZE_MAX of Linux. */
const MOST_ATTRIBUTE = 65_536;

/** Folders of the kernel and of the agent, where files of a set have no effect or do harm. */
const NOT_FOR_FILES = ['/proc', '/sys', '/dev', '/run/muster'];

export const badFiles = (text: string): MusterError => new MusterError('bad-files', text);
/** Returns a path for an error, without the control characters of a hostile archive. */
export const quoted = (path: string): string => `'${printable(path, 200)}'`;

/**
 * Returns the tree with a file of this content. A file that is there keeps its other properties, except those in `given`.
 * @param mode of a new file
 */
export function withFile(
  tree: readonly TreeEntry[],
  path: string,
  content: Buffer,
  mode = 0o644,
  given: Partial<Pick<TreeEntry, 'mode' | 'owner' | 'group'>> = {},
): TreeEntry[] {
  const before = tree.find(entry => entry.path === path);
  const kept = before?.type === 'file' ? before : { mode, owner: 'root', group: 'root', xattrs: [] };
  return [...tree.filter(entry => entry !== before), { ...kept, type: 'file', path, content, target: '', ...given }];
}

/** Returns the entries in the order of their paths' bytes; throws `bad-files` for a tree that no node could have. */
export function checkedTree(entries: readonly TreeEntry[]): TreeEntry[] {
  if (entries.length > MOST_ENTRIES)
    throw badFiles(`A file set has at most ${MOST_ENTRIES} files, folders and links; this one has ${entries.length}.`);
  const known = new Map<string, TreeEntry>();
  let bytes = 0;
  for (const entry of entries) {
    checkEntry(entry);
    if (known.has(entry.path)) throw badFiles(`${quoted(entry.path)} is there twice; remove one.`);
    known.set(entry.path, entry);
    bytes += sizeOf(entry);
  }
  if (bytes > MOST_BYTES) throw tooLarge();
  for (const { path } of entries) {
    const above = parentsOf(path).find(parent => (known.get(parent)?.type ?? 'folder') !== 'folder');
    if (above !== undefined)
      throw badFiles(`${quoted(path)} is below ${quoted(above)}, which is a ${known.get(above)?.type} and no folder.`);
  }
  return [...entries].sort((left, right) => compareBytes(left.path, right.path));
}

/** Returns the bytes that an entry counts for. */
export function sizeOf({ content, xattrs }: Pick<TreeEntry, 'content' | 'xattrs'>): number {
  return content.length + xattrs.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
}

export function tooLarge(): MusterError {
  return badFiles(`A file set has at most ${MOST_BYTES >> 20} MiB; put large files into the image.`);
}

export function fileTooLarge(path: string): MusterError {
  return badFiles(`${quoted(path)} is larger than ${MOST_FILE >> 20} MiB; put large files into the image.`);
}

export function compareBytes(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}

/** `/etc`, `/etc/ssh` for `/etc/ssh/sshd_config`. */
export function parentsOf(path: string): string[] {
  const parts = path.split('/').slice(1, -1);
  return parts.map((_part, at) => `/${parts.slice(0, at + 1).join('/')}`);
}

function checkEntry({ type, path, mode, owner, group, content, target, xattrs }: TreeEntry): void {
  checkPath(path);
  for (const name of [owner, group])
    if (!isAccount(name)) throw badFiles(`${quoted(path)} has the owner or group ${quoted(name)}, which is no name.`);
  if (!Number.isInteger(mode) || mode < 0 || mode > 0o7777) throw badFiles(`${quoted(path)} has an impossible mode.`);
  if (content.length > MOST_FILE) throw fileTooLarge(path);
  if (type === 'link' && (target === '' || Buffer.byteLength(target) > MOST_PATH || hasControls(target)))
    throw badFiles(`The link ${quoted(path)} has a target that no file can have.`);
  for (const [name, value] of xattrs)
    if (!/^(security|system|trusted|user)\.[\x21-\x3c\x3e-\x7e]{1,240}$/.test(name) || value.length > MOST_ATTRIBUTE)
      throw badFiles(`${quoted(path)} has an impossible extended attribute ${quoted(name)}.`);
}

/** Refuses paths that cannot be a file of a node, or that must not be. */
export function checkPath(path: string): void {
  const parts = path.split('/').slice(1);
  if (hasControls(path)) throw badFiles(`${quoted(path)} has a control character in its name; rename it.`);
  if (!path.startsWith('/') || parts.some(part => part === '' || part === '.'))
    throw badFiles(`${quoted(path)} is no path of a file on a node.`);
  if (parts.includes('..')) throw badFiles(`${quoted(path)} leaves its folder by '..'; name files by their path.`);
  if (Buffer.byteLength(path) > MOST_PATH || parts.some(part => Buffer.byteLength(part) > MOST_NAME))
    throw badFiles(`${quoted(path)} is a longer path than Linux allows.`);
  if (encodeWord(path).length > MOST_WORD || parts.some(part => encodeWord(part).length > MOST_NAME))
    throw badFiles(
      `${quoted(path)} is too long for the records of a node, where a byte that is not ASCII takes three.`,
    );
  const reserved = NOT_FOR_FILES.find(folder => path === folder || path.startsWith(`${folder}/`));
  if (reserved !== undefined)
    throw badFiles(`${quoted(path)} is below ${reserved}, which file sets do not change; remove it from the set.`);
}

/** Returns whether a text is a user's or group's name (useradd(8)), or a number. */
export function isAccount(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_.-]{0,31}\$?$/.test(name) || (/^(0|[1-9]\d{0,9})$/.test(name) && Number(name) < 2 ** 32);
}

/** C0, C1 and DEL: a line break in a path would forge lines of an index or a log. */
function hasControls(text: string): boolean {
  return /\p{Cc}/u.test(text);
}
