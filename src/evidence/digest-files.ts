// Digests of files by a thread, so that the event loop stays free.
import { Worker } from 'node:worker_threads';
import type { Digests } from '../durable/digest.ts';
import { MusterError } from '../errors.ts';

const THREAD = new URL('./digest-thread.js', import.meta.url);

export interface DigestQuestion {
  path: string;
  /** A part to digest as well, in bytes. */
  range?: { offset: number; size: number };
}

/** Bytes read since the last message, or the end of a file by its index among the questions. */
export type DigestNews =
  | { bytes: number }
  | { index: number; digests: Digests }
  | { index: number; failure: { code: string | undefined; reason: string } };

/** Reads the files and calls back with the results, until all are read or the signal comes. */
export async function digestFiles(
  files: readonly DigestQuestion[],
  tell: (news: DigestNews) => void,
  signal?: AbortSignal,
): Promise<void> {
  const worker = new Worker(THREAD, { workerData: files, name: 'muster-digest' });
  // It must not keep a stopping musterd alive.
  worker.unref();
  const end = (): void => void worker.terminate();
  signal?.addEventListener('abort', end, { once: true });
  if (signal?.aborted) end();
  try {
    await new Promise<void>((resolve, reject) => {
      worker.on('message', tell);
      worker.once('error', reject);
      worker.once('exit', code => {
        if (code === 0 || signal?.aborted) resolve();
        else reject(new MusterError('internal', `the thread that reads stored files ended with status ${code}`));
      });
    });
  } finally {
    signal?.removeEventListener('abort', end);
  }
}
