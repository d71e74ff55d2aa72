// Names that survive a power cut: a folder is synced after a name in it was made, moved or removed.
import { constants } from 'node:fs';
import { link, lstat, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { systemCode } from '../errors.ts';

/** Writes the names in a folder to disk (fsync). */
export async function syncFolder(folder: string): Promise<void> {
  await sync(folder, constants.O_DIRECTORY);
}

/** Writes the bytes of a file to disk (fsync). */
export async function syncFile(file: string): Promise<void> {
  await sync(file, constants.O_NOFOLLOW);
}

async function sync(path: string, flags: number): Promise<void> {
  const handle = await open(path, constants.O_RDONLY | flags);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Makes a folder, and missing ones above it. Each new name is on disk when the promise resolves. Returns the first folder that
 * was made; undefined when the folder existed.
 */
export async function makeFolder(folder: string, mode = 0o700): Promise<string | undefined> {
  const first = await mkdir(folder, { recursive: true, mode });
  if (first === undefined) return undefined;
  const above = dirname(resolve(first));
  for (let path = dirname(resolve(folder)); ; path = dirname(path)) {
    await syncFolder(path);
    if (path === above) return first;
  }
}

/**
 * Moves a file or folder over what has the name now, on the same file system. The bytes of a file are written to disk first, both
 * folders afterwards. With `sync: false` the caller syncs: it has many to move.
 */
export async function moveInto(from: string, to: string, { sync = true } = {}): Promise<void> {
  // A link has no bytes.
  if (sync && !(await lstat(from)).isSymbolicLink()) await syncFile(from);
  await rename(from, to);
  if (!sync) return;
  await syncFolder(dirname(to));
  if (dirname(from) !== dirname(to)) await syncFolder(dirname(from));
}

/** The same for what may be absent: returns whether it existed. */
export async function moveIfThere(from: string, to: string): Promise<boolean> {
  try {
    await moveInto(from, to);
    return true;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw error;
  }
}

/** Gives a file a second name, replacing its present owner. The caller removes the first when it is done. */
export async function linkInto(from: string, to: string): Promise<void> {
  await rm(to, { force: true });
  await link(from, to);
  await syncFolder(dirname(to));
}
