// The lock of a state folder: one process at a time has it, and the kernel releases it however that process ends.
import { join } from 'node:path';
import { MusterError, systemCode } from '../errors.ts';
import { finishRestore } from './pending-restore.ts';
import { SqliteConnection } from './sqlite.ts';

export type Release = () => Promise<void>;

/** Locks a state folder, and finishes a restore that was interrupted after it took effect. Undefined when another process has the lock. */
export async function lockState(stateFolder: string): Promise<Release | undefined> {
  const lock = await tryLock(join(stateFolder, 'lock.db'));
  if (!lock) return undefined;
  try {
    await finishRestore(stateFolder);
  } catch (error) {
    await lock.close();
    throw error;
  }
  return async () => lock.close();
}

/** The same for a daemon: throws `store-failed` when another process has the lock. */
export async function takeState(stateFolder: string): Promise<Release> {
  const release = await lockState(stateFolder);
  if (release) return release;
  const file = join(stateFolder, 'lock.db');
  throw new MusterError('store-failed', `${file} is held: another musterd runs on this state folder. Stop it first.`);
}

/** An exclusive transaction on a separate file: the kernel ends it with the process. */
async function tryLock(file: string): Promise<SqliteConnection | undefined> {
  const lock = await SqliteConnection.open(file);
  try {
    await lock.exec('PRAGMA busy_timeout=0; BEGIN EXCLUSIVE;');
    return lock;
  } catch (error) {
    await lock.close();
    if (error instanceof Error && systemCode(error.cause) === 'SQLITE_BUSY') return undefined;
    throw error;
  }
}
