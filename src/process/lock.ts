// A lock on a file, held by the kernel (flock(2)): it is released when this process ends, however it ends.
import { closeSync, constants, openSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { MusterError, reasonOf } from '../errors.ts';
import { LOCK, loadLibc } from '../libc.ts';

export interface Lock {
  release(): Promise<void>;
}

/** The pause between two tries for a lock that another process holds, in milliseconds. */
const AGAIN_MS = 50;

/**
 * Locks a file, which is created when absent; with `wait: false`, returns undefined when another process holds the lock. Throws
 * `not-allowed` when the file cannot be locked.
 */
export async function takeLock(file: string, options: { wait: boolean }): Promise<Lock | undefined> {
  const { flock } = await loadLibc();
  const fd = openFile(file);
  for (;;) {
    // A blocking call would stop everything else in this process.
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
 * Opened for reading, because an administrator locks a file that root created for them, and flock(2) needs no more. Root opens files in
 * folders of other users: a link is not followed, so it cannot make root create a file elsewhere, and a FIFO does not block.
 */
const FLAGS = constants.O_RDONLY | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Returns a descriptor and no handle, because Node closes a handle that is garbage-collected. Programs started here do not inherit it. */
function openFile(file: string): number {
  try {
    return openSync(file, FLAGS, 0o644);
  } catch (error) {
    throw cannotLock(file, reasonOf(error));
  }
}

function cannotLock(file: string, reason: string): MusterError {
  return new MusterError('not-allowed', `${file} cannot be locked: ${reason}`);
}

/** Runs `work` exclusively among all that lock the file. */
export async function withLock<T>(file: string, work: () => Promise<T>): Promise<T> {
  const lock = await takeLock(file, { wait: true });
  try {
    return await work();
  } finally {
    await lock?.release();
  }
}
