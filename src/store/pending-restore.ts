// A restore takes effect by one rename. What follows can be repeated any number of times: the files of the old head are moved
// aside, those of the new one take their names. The next process that locks the state folder finishes an interrupted restore.
import { lstat, readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { makeFolder, moveIfThere, moveInto, syncFolder } from '../durable/folders.ts';
import { systemCode } from '../errors.ts';

/** Where a restore writes and verifies. It has changed nothing yet while this folder exists. */
export const RESTORING = 'restoring';
/** A restore that took effect, with its files on the way to their places. */
const RESTORED = 'restored-';
/** The files of the head before a restore. */
export const BEFORE = 'before-restore-';

/** What `restoring` must hold, on disk, next to the files before `decideRestore`: the plan, and a folder for the old head's files. */
export const PLAN = 'plan.json';
export const OLD = 'old';

const planSchema = z.object({
  /** Paths in the state folder that the restore brings. */
  bring: z.array(z.string()),
  /** Paths in the state folder that belong to the old head alone. */
  remove: z.array(z.string()),
});

export type RestorePlan = z.infer<typeof planSchema>;

/** Makes a restore take effect: from here on the new head is this folder's. `stamp` names the folder of the old one. */
export async function decideRestore(state: string, stamp: string): Promise<string | undefined> {
  await moveInto(join(state, RESTORING), join(state, `${RESTORED}${stamp}`));
  return finishRestore(state);
}

/** Finishes restores that took effect. Returns the folder of the old head's files, when there were any. */
export async function finishRestore(state: string): Promise<string | undefined> {
  let before: string | undefined;
  for (const name of await readdir(state)) {
    if (!name.startsWith(RESTORED)) continue;
    const folder = join(state, name);
    const plan = await readPlan(folder);
    if (plan) {
      await exchange(state, folder, plan);
      before = await keepOld(state, folder, name.slice(RESTORED.length));
      // From here on the folder can be deleted.
      await rm(join(folder, PLAN));
      await syncFolder(folder);
    }
    await rm(folder, { recursive: true, force: true });
    await syncFolder(state);
  }
  return before;
}

async function exchange(state: string, folder: string, { bring, remove }: RestorePlan): Promise<void> {
  // What SQLite keeps next to the old database must never meet the new one: it is moved first.
  for (const path of remove) await moveIfThere(join(state, path), join(folder, OLD, path));
  for (const path of bring) {
    if (!(await isThere(join(folder, path)))) continue;
    await moveIfThere(join(state, path), join(folder, OLD, path));
    await makeFolder(dirname(join(state, path)));
    await moveInto(join(folder, path), join(state, path));
  }
}

async function keepOld(state: string, folder: string, stamp: string): Promise<string | undefined> {
  const before = join(state, `${BEFORE}${stamp}`);
  if (!(await isThere(join(folder, OLD)))) return (await isThere(before)) ? before : undefined;
  if (!(await hasFiles(join(folder, OLD)))) return undefined;
  await moveInto(join(folder, OLD), before);
  return before;
}

async function readPlan(folder: string): Promise<RestorePlan | undefined> {
  try {
    return planSchema.parse(JSON.parse(await readFile(join(folder, PLAN), 'utf8')));
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function hasFiles(folder: string): Promise<boolean> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  return entries.some(entry => !entry.isDirectory());
}

async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    (error: unknown) => {
      if (systemCode(error) === 'ENOENT') return false;
      throw error;
    },
  );
}
