// The contents of a state folder, and whether a musterd may start on it: a head that lost its database must not become an empty
// one.
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MusterError, systemCode } from '../errors.ts';
import { BEFORE, RESTORING } from './pending-restore.ts';

export const DATABASE = 'muster.db';
/** What SQLite keeps next to a database. It belongs to that database alone. */
export const SIDE_FILES = [`${DATABASE}-wal`, `${DATABASE}-shm`];

/** The contents of a state folder, for the decision. */
export interface Found {
  /** Bytes of the database; undefined without one. */
  database: number | undefined;
  /** Whether a restore began and did not take effect. */
  restoring: boolean;
  /** The newest folder with the files of a head before a restore. */
  before: string | undefined;
  storedFiles: boolean;
}

/** Returns why no database may be made here; undefined when one exists, or the folder is new. An empty file is not a database. */
export function refusal(state: string, found: Found): string | undefined {
  if ((found.database ?? 0) > 0) return undefined;
  const what = `${state} has no database`;
  if (found.restoring)
    return `${what}: a restore was interrupted. Repeat muster restore, or remove ${join(state, RESTORING)} to begin with an empty head.`;
  if (found.before !== undefined)
    return `${what}, but one from before a restore: ${join(state, found.before)}. Run muster restore, or move those files back into ${state}.`;
  if (found.storedFiles)
    return `${what}, but stored files in blobs. Run muster restore, or move blobs away to begin with an empty head.`;
  return undefined;
}

/**
 * Checks a state folder before its database is opened, and removes the leftovers of an interrupted restore that changed nothing.
 * Throws `state-incomplete` when musterd would begin with an empty head instead of an existing one. Returns whether a restore was
 * dropped.
 */
export async function checkState(state: string): Promise<{ dropped: boolean }> {
  const found = await look(state);
  const problem = refusal(state, found);
  if (problem !== undefined) throw new MusterError('state-incomplete', problem);
  if (found.restoring) await rm(join(state, RESTORING), { recursive: true, force: true });
  return { dropped: found.restoring };
}

async function look(state: string): Promise<Found> {
  const names = await readdir(state);
  const database = await stat(join(state, DATABASE)).catch(absent);
  const parts = await readdir(join(state, 'blobs')).catch(absent);
  let storedFiles = false;
  for (const part of parts ?? [])
    if (/^[0-9a-f]{2}$/.test(part) && ((await readdir(join(state, 'blobs', part)).catch(absent)) ?? []).length > 0)
      storedFiles = true;
  return {
    database: database?.size,
    restoring: names.includes(RESTORING),
    before: names
      .filter(name => name.startsWith(BEFORE))
      .sort()
      .at(-1),
    storedFiles,
  };
}

function absent(error: unknown): undefined {
  if (systemCode(error) === 'ENOENT') return undefined;
  throw error;
}
