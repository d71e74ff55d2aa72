// Reads every stored file and compares it with its digest, by a thread: the event loop has its work to do.
import { Worker } from 'node:worker_threads';
import { MusterError } from '../errors.ts';

const THREAD = new URL('./verify-thread.js', import.meta.url);

export interface VerifyQuestion {
  sha256: string;
  path: string;
}

/** Bytes that were read since the last of these, or a file that is done: with its problem when it has one. */
export type VerifyNews = { bytes: number } | { sha256: string; problem?: string };

/** Reads the files and calls back with what it finds, until all are read or the signal comes. */
export async function verifyFiles(
  files: readonly VerifyQuestion[],
  tell: (news: VerifyNews) => void,
  signal: AbortSignal,
): Promise<void> {
  const worker = new Worker(THREAD, { workerData: files, name: 'muster-verify' });
  worker.unref();
  const end = (): void => void worker.terminate();
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end();
  try {
    await new Promise<void>((resolve, reject) => {
      worker.on('message', tell);
      worker.once('error', reject);
      worker.once('exit', code => {
        if (code === 0 || signal.aborted) resolve();
        else reject(new MusterError('internal', `the thread that verifies stored files ended with status ${code}`));
      });
    });
  } finally {
    signal.removeEventListener('abort', end);
  }
}
