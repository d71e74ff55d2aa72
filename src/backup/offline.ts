// The backup of a head whose daemon does not run.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Blobs } from '../blobs/blobs.ts';
import { MusterError } from '../errors.ts';
import { lockState } from '../store/snapshot.ts';
import { beginBackup } from './write.ts';

/** Keeps musterd from starting on the folder until the stream has ended. */
export async function offlineBackup(
  state: string,
  head: string,
  now: number,
): Promise<{ stream: AsyncIterable<Buffer>; size: number }> {
  if (!existsSync(join(state, 'muster.db')))
    throw new MusterError('bad-value', `${state} is no state folder of musterd: there is no muster.db in it.`);
  const release = await lockState(state);
  if (!release)
    throw new MusterError(
      'not-ready',
      `musterd runs on ${state}, and does not answer on this socket: name its socket with --socket.`,
    );
  try {
    const backup = await beginBackup(state, new Blobs(state), head, now);
    const stream = async function* (): AsyncGenerator<Buffer> {
      try {
        yield* backup.stream();
      } finally {
        await release();
      }
    };
    return { stream: stream(), size: backup.size };
  } catch (error) {
    await release();
    throw error;
  }
}
