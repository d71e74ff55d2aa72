// Work in a folder with the rights of its owner, so that root does nothing there that only the owner may request: a link that the
// owner puts there leads root nowhere.

import { constants } from 'node:fs';
import { lstat, open, stat } from 'node:fs/promises';
import { userIds } from '../accounts.ts';
import { makeFolder } from '../durable/folders.ts';
import { MusterError, systemCode } from '../errors.ts';

export interface Owner {
  uid: number;
  gid: number;
}

/** Returns the owner of a state folder. Creates a missing one, for the user `muster` if it exists. */
export async function stateOwner(state: string): Promise<Owner> {
  const found = await stat(state).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (found) return found;
  await makeFolder(state);
  const owner = process.getuid?.() === 0 ? userIds('muster') : undefined;
  if (owner) await give(state, owner);
  return stat(state);
}

/** Changes the owner of a new folder; by its descriptor, so that nothing else can take its name in between. */
async function give(folder: string, { uid, gid }: Owner): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    const [mine, there] = [await handle.stat(), await lstat(folder)];
    if (mine.uid !== 0 || mine.ino !== there.ino)
      throw new MusterError('not-allowed', `${folder} was changed by another program while it was made. Repeat.`);
    await handle.chown(uid, gid);
  } finally {
    await handle.close();
  }
}

/** Works with the rights of the owner if this process is root's; unchanged otherwise. See `becomeOwner`. */
export async function asOwner<T>(owner: Owner, work: () => Promise<T>): Promise<T> {
  const back = becomeOwner(owner);
  try {
    return await work();
  } finally {
    back();
  }
}

/**
 * Takes the rights of the owner if this process is root's, until the returned function is called. The rights apply to the process
 * with all its threads: nothing else may run in it during that time.
 */
export function becomeOwner({ uid, gid }: Owner): () => void {
  const { geteuid, getegid, getgroups, seteuid, setegid, setgroups } = process;
  if (!geteuid || !getegid || !getgroups || !seteuid || !setegid || !setgroups) return () => {};
  if (geteuid() !== 0 || uid === 0) return () => {};
  const groups = getgroups();
  const group = getegid();
  setgroups([gid]);
  setegid(gid);
  seteuid(uid);
  return () => {
    seteuid(0);
    setegid(group);
    setgroups(groups);
  };
}
