// A thread that reads stored files one after the other and compares each with its digest.
import { parentPort, workerData } from 'node:worker_threads';
import { digestFile } from '../durable/digest.ts';
import { reasonOf, systemCode } from '../errors.ts';
import type { VerifyNews, VerifyQuestion } from './verify-files.ts';

/** Bytes between two signs of progress. */
const STEP = 16 << 20;

const tell = (news: VerifyNews): void => parentPort?.postMessage(news);

for (const { sha256, path } of workerData as VerifyQuestion[]) {
  let since = 0;
  try {
    const { whole } = await digestFile(path, {
      read: bytes => {
        since += bytes;
        if (since < STEP) return;
        tell({ bytes: since });
        since = 0;
      },
    });
    tell({ bytes: since });
    tell({ sha256, ...(whole !== sha256 && { problem: 'has other bytes than were stored' }) });
  } catch (error) {
    // One that was removed since the list was made is no fault.
    tell({ sha256, ...(systemCode(error) !== 'ENOENT' && { problem: `cannot be read: ${reasonOf(error)}` }) });
  }
}
