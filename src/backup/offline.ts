// The backup of a head without a running daemon.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Blobs } from '../blobs/blobs.ts';
import { MusterError } from '../errors.ts';
import { DATABASE } from '../store/state-folder.ts';
import { lockState } from '../store/state-lock.ts';
import { becomeOwner, stateOwner } from './owner.ts';
import { type BackupSource, beginBackup } from './write.ts';

/** Keeps musterd from starting on the folder until the stream has ended. Until then, root has only the rights of the folder's owner. */
export async function offlineBackup({
  state,
  ...source
}: Omit<BackupSource, 'blobs'>): Promise<{ stream: AsyncIterable<Buffer>; size: number }> {
  if (!existsSync(join(state, DATABASE)))
    throw new MusterError('bad-value', `${state} is no state folder of musterd: there is no muster.db in it.`);
  const back = becomeOwner(await stateOwner(state));
  let release: (() => Promise<void>) | undefined;
  const end = async (): Promise<void> => {
    await release?.();
    back();
  };
  try {
    release = await lockState(state);
    if (!release)
      throw new MusterError(
        'not-ready',
        `musterd runs on ${state}, and does not answer on this socket: name its socket with --socket.`,
      );
    const backup = await beginBackup({ state, blobs: new Blobs(state), ...source });
    const stream = async function* (): AsyncGenerator<Buffer> {
      try {
        yield* backup.stream();
      } finally {
        await end();
      }
    };
    return { stream: stream(), size: backup.size };
  } catch (error) {
    await end();
    throw error;
  }
}
