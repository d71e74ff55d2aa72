// A lock on a file, held by the kernel (flock(2)): it is given back when this process ends, however it ends.
import { closeSync, constants, openSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { MusterError, reasonOf } from '../errors.ts';
import { LOCK, loadLibc } from '../libc.ts';

export interface Lock {
  release(): Promise<void>;
}

/** Between two tries for a lock that another has, in milliseconds. */
const AGAIN_MS = 50;

/**
 * Takes the lock of a file, which is created when absent; with `wait: false` undefined when another process holds it. Throws
 * `not-allowed` when the file cannot be locked.
 */
export async function takeLock(file: string, options: { wait: boolean }): Promise<Lock | undefined> {
  const { flock } = await loadLibc();
  const fd = openFile(file);
  for (;;) {
    // A try that does not block: nothing else of this process would go on meanwhile
    const locked = flock(fd, LOCK.EXCLUSIVE | LOCK.NONBLOCKING);
    if (typeof locked === 'number') return { release: async () => closeSync(fd) };
    if (locked.code === 'EAGAIN' && options.wait) {
      await setTimeout(AGAIN_MS);
      continue;
    }
    closeSync(fd);
    if (locked.code === 'EAGAIN') return undefined;
    throw cannotLock(file, locked.code);
  }
}

/**
 * The number of a descriptor, and no handle: Node closes a handle that is collected. Programs started here do not inherit it. Opened
 * for reading: an administrator may lock a file that root created for them, and flock(2) needs no more.
 */
function openFile(file: string): number {
  try {
    return openSync(file, constants.O_RDONLY | constants.O_CREAT, 0o644);
  } catch (error) {
    throw cannotLock(file, reasonOf(error));
  }
}

function cannotLock(file: string, reason: string): MusterError {
  return new MusterError('not-allowed', `${file} cannot be locked: ${reason}`);
}

/** Runs `work` alone among all who lock the file. */
export async function withLock<T>(file: string, work: () => Promise<T>): Promise<T> {
  const lock = await takeLock(file, { wait: true });
  try {
    return await work();
  } finally {
    await lock?.release();
  }
}
