// Verifies every stored file, and names the users of damaged ones.
import type { VerifyLine } from '../api/storage.ts';
import { usersOfBlobs } from '../blobs/garbage.ts';
import { verifyFiles } from '../evidence/verify-files.ts';
import type { State } from './state.ts';

/** Reads all stored files, including unused ones; `tell` receives progress and each damaged file. */
export async function verifyStored(
  { blobs, cluster, users }: Pick<State, 'blobs' | 'cluster' | 'users'>,
  tell: (line: VerifyLine) => void,
  signal: AbortSignal,
): Promise<void> {
  const files = await blobs.list();
  const sizes = new Map(files.map(({ sha256, size }) => [sha256, size]));
  const total = files.reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  const questions = files.map(({ sha256 }) => ({ sha256, path: blobs.path(sha256) }));
  await verifyFiles(
    questions,
    news => {
      if ('bytes' in news) {
        done += news.bytes;
        tell({ type: 'progress', done, total });
      } else if (news.problem !== undefined) {
        const { sha256, problem } = news;
        const keptBy = usersOfBlobs(cluster, users).get(sha256) ?? [];
        tell({ type: 'damaged', sha256, size: sizes.get(sha256) ?? 0, problem, keptBy });
      }
    },
    signal,
  );
}
