// Files of the head that templates may read: below one folder, and no link leads out of it.
import { closeSync, constants, fstatSync, openSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { systemCode } from '../errors.ts';

/** Bytes of such a file at most. */
const MOST = 16 * 1024 * 1024;

export interface HeadFile {
  content: Buffer;
  /** Whether others than its owner and group may read it on the head. */
  isPublic: boolean;
}

/** Reads a file below the folder. Throws with the reason. @param name relative to the folder */
export function readHeadFile(folder: string, name: string): HeadFile {
  const problem = nameProblem(name);
  if (problem !== undefined) throw new Error(`head_file '${name}' ${problem}`);
  const path = join(folder, name);
  let descriptor: number;
  let isBelowPrivate = false;
  try {
    const [real, root] = [realpathSync(path), realpathSync(folder)];
    if (!real.startsWith(`${root}${sep}`)) throw new Error(`is a link that leads out of ${folder}`);
    isBelowPrivate = hasPrivateFolder(root, real);
    // O_NOFOLLOW: the path has no links left, and a new one at its end is refused. O_NONBLOCK: a named pipe blocks nobody.
    descriptor = openSync(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    throw new Error(`head_file '${name}' ${openProblem(error, folder)}`);
  }
  try {
    const facts = fstatSync(descriptor, { bigint: true });
    if (!facts.isFile()) throw new Error(`head_file '${name}' is not a file`);
    if (facts.size > MOST) throw new Error(`head_file '${name}' is larger than ${MOST / 1024 / 1024} MiB`);
    return {
      content: readFileSync(descriptor),
      isPublic: (facts.mode & 0o004n) !== 0n && !isBelowPrivate,
    };
  } finally {
    closeSync(descriptor);
  }
}

/** Returns whether a folder below the root and above the file is closed to others: then nobody else can read the file, whatever its mode. */
function hasPrivateFolder(root: string, file: string): boolean {
  return foldersBetween(root, file).some(path => isClosed(statSync(path)));
}

function foldersBetween(root: string, file: string): string[] {
  const folders: string[] = [];
  for (let at = dirname(file); at.length > root.length; at = dirname(at)) folders.push(at);
  return folders;
}

function isClosed({ mode }: { mode: number }): boolean {
  return (mode & 0o001) === 0;
}

/** Returns what identifies the current content of a file and who may read it; empty when it cannot be read. */
export async function headFileIdentity(folder: string, name: string): Promise<string> {
  if (nameProblem(name) !== undefined) return '';
  try {
    const [real, root] = await Promise.all([realpath(join(folder, name)), realpath(folder)]);
    const folders = await Promise.all(foldersBetween(root, real).map(async path => stat(path)));
    return identityWith(await stat(real, { bigint: true }), folders);
  } catch {
    return '';
  }
}

/** Returns the same synchronously. Throws for a name that no such file has. */
export function identityNow(folder: string, name: string): string {
  const problem = nameProblem(name);
  if (problem !== undefined) throw new Error(`head_file '${name}' ${problem}`);
  try {
    const [real, root] = [realpathSync(join(folder, name)), realpathSync(folder)];
    const folders = foldersBetween(root, real).map(path => statSync(path));
    return identityWith(statSync(real, { bigint: true }), folders);
  } catch {
    return '';
  }
}

/** Closing a folder makes its files secret without changing the files, so it is part of their identity. */
function identityWith(facts: Parameters<typeof identityOf>[0], folders: readonly { mode: number }[]): string {
  return `${identityOf(facts)}${folders.some(isClosed) ? ':closed' : ''}`;
}

/** Returns what identifies the content of a file with these facts. */
export function identityOf({
  dev,
  ino,
  size,
  mtimeNs,
  ctimeNs,
}: Record<'dev' | 'ino' | 'size' | 'mtimeNs' | 'ctimeNs', bigint>): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(':');
}

function nameProblem(name: string): string | undefined {
  if (name === '' || name.startsWith('/')) return 'must be a path below files.folder, without a / at its beginning';
  if (name.includes('\0') || name.split('/').some(part => ['', '.', '..'].includes(part)))
    return 'must not have the parts .. or .';
  return undefined;
}

function openProblem(error: unknown, folder: string): string {
  const code = systemCode(error);
  if (code === undefined && error instanceof Error) return error.message;
  if (code === 'ENOENT' || code === 'ENOTDIR') return `does not exist in ${folder}`;
  return `cannot be read in ${folder}: ${code}`;
}
