// Reads the tree of a file set from a folder of this machine, and writes it to one: owners by name, modes, extended attributes, SELinux contexts.
import type { Stats } from 'node:fs';
import { chmod, lchown, lstat, mkdir, readdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { accounts } from '../accounts.ts';
import { reasonOf, systemCode } from '../errors.ts';
import { type Libc, loadLibc } from '../libc.ts';
import { sortedXattrs } from './archive.ts';
import {
  badFiles,
  checkedTree,
  fileTooLarge,
  MOST_BYTES,
  MOST_ENTRIES,
  MOST_FILE,
  parentsOf,
  type TreeEntry,
  tooLarge,
} from './tree.ts';

/** Attributes that mean something on another machine. */
const KEPT = /^(user\.|security\.(selinux|capability)$|system\.posix_acl_)/;
const NO_CONTENT = { content: Buffer.alloc(0), target: '' };

/** Reads the files below a folder as a tree. Throws `bad-files`. @param warn receives what could not be kept */
export async function readFolder(root: string, warn: (text: string) => void): Promise<TreeEntry[]> {
  const libc = await loadLibc();
  const [users, groups] = [namesOf('passwd'), namesOf('group')];
  const entries: TreeEntry[] = [];
  let bytes = 0;
  const visit = async (path: string): Promise<void> => {
    if (entries.length > MOST_ENTRIES)
      throw badFiles(`${root} has more than ${MOST_ENTRIES} files, folders and links.`);
    const full = join(root, path);
    const found = await lstat(full).catch(asUnreadable(full));
    if (path !== '') {
      const base = {
        path,
        mode: found.mode & 0o7777,
        owner: users.get(found.uid) ?? String(found.uid),
        group: groups.get(found.gid) ?? String(found.gid),
      };
      if (found.isFile() && found.size > MOST_FILE) throw fileTooLarge(path);
      bytes += found.isFile() ? found.size : 0;
      if (bytes > MOST_BYTES) throw tooLarge();
      entries.push(await entryOf(base, full, found, libc, warn));
    }
    if (!found.isDirectory()) return;
    for (const name of await readdir(full).catch(asUnreadable(full))) await visit(`${path}/${name}`);
  };
  await visit('');
  return checkedTree(entries);
}

type Base = Pick<TreeEntry, 'path' | 'mode' | 'owner' | 'group'>;

async function entryOf(
  base: Base,
  full: string,
  found: Stats,
  libc: Libc,
  warn: (text: string) => void,
): Promise<TreeEntry> {
  if (found.isSymbolicLink())
    return { ...base, ...NO_CONTENT, type: 'link', mode: 0o777, target: await readlink(full), xattrs: [] };
  const xattrs = xattrsOf(full, libc, warn);
  if (found.isDirectory()) return { ...base, ...NO_CONTENT, type: 'folder', xattrs };
  if (!found.isFile()) throw badFiles(`${full} is no file, folder or symbolic link; file sets have nothing else.`);
  return { ...base, ...NO_CONTENT, type: 'file', content: await readFile(full).catch(asUnreadable(full)), xattrs };
}

function xattrsOf(full: string, libc: Libc, warn: (text: string) => void): TreeEntry['xattrs'] {
  const bytes = Buffer.from(full);
  const rows = libc.llistxattr(bytes).flatMap((name): [string, Buffer][] => {
    if (!KEPT.test(name)) return [];
    const value = libc.lgetxattr(bytes, name);
    if (Buffer.isBuffer(value)) return [[name, value]];
    warn(`${full}: the extended attribute ${name} cannot be read (${value.code}) and is not in the set.`);
    return [];
  });
  return sortedXattrs(rows);
}

/** Writes a tree into a folder, which must be empty or absent. @param warn receives what could not be kept */
export async function writeFolder(
  entries: readonly TreeEntry[],
  root: string,
  warn: (text: string) => void,
): Promise<void> {
  await mkdir(root, { recursive: true });
  if ((await readdir(root)).length > 0)
    throw badFiles(`The folder ${root} is not empty; name a new one, so that no file of it is replaced.`);
  const tree = checkedTree(entries);
  try {
    await writeEntries(tree, root, warn);
  } catch (error) {
    // The folder was empty, so everything in it is ours.
    for (const name of await readdir(root)) await rm(join(root, name), { recursive: true, force: true });
    throw error;
  }
}

async function writeEntries(tree: readonly TreeEntry[], root: string, warn: (text: string) => void): Promise<void> {
  const libc = await loadLibc();
  for (const entry of tree) {
    for (const parent of parentsOf(entry.path)) await mkdir(join(root, parent), { recursive: true });
    const full = join(root, entry.path);
    if (entry.type === 'folder') await mkdir(full, { recursive: true });
    else if (entry.type === 'link') await symlink(entry.target, full);
    else await writeFile(full, entry.content, { flag: 'wx', mode: 0o600 });
  }
  const [users, groups] = [idsOf('passwd'), idsOf('group')];
  // A folder may lose the permission to write into it, so the deepest come first.
  for (const entry of [...tree].reverse()) {
    const full = join(root, entry.path);
    const [uid, gid] = [users(entry.owner), groups(entry.group)];
    if (uid === undefined || gid === undefined)
      warn(`${full}: this machine has no ${uid === undefined ? `user ${entry.owner}` : `group ${entry.group}`}.`);
    else if (process.getuid?.() === 0) await lchown(full, uid, gid);
    if (entry.type === 'link') continue;
    for (const [name, value] of entry.xattrs) {
      const done = libc.lsetxattr(Buffer.from(full), name, value);
      if (typeof done !== 'number') warn(`${full}: the extended attribute ${name} cannot be set (${done.code}).`);
    }
    await chmod(full, entry.mode);
  }
}

function namesOf(table: 'passwd' | 'group'): Map<number, string> {
  // The first row of a number counts, as for getpwuid(3).
  return new Map(
    accounts(table)
      .reverse()
      .map(({ id, name }) => [id, name]),
  );
}

function idsOf(table: 'passwd' | 'group'): (account: string) => number | undefined {
  const ids = new Map(accounts(table).map(({ id, name }) => [name, id]));
  return account => (/^\d+$/.test(account) ? Number(account) : ids.get(account));
}

function asUnreadable(full: string): (error: unknown) => never {
  return error => {
    throw badFiles(`${full}: cannot be read: ${systemCode(error) ?? reasonOf(error)}.`);
  };
}
