// A thread that reads files one after the other and returns their digests, so that the event loop stays free.
import { parentPort, workerData } from 'node:worker_threads';
import { digestFile } from '../durable/digest.ts';
import { reasonOf, systemCode } from '../errors.ts';
import type { DigestNews, DigestQuestion } from './digest-files.ts';

/** Bytes between two signs of progress. */
const STEP = 16 << 20;

const tell = (news: DigestNews): void => parentPort?.postMessage(news);

for (const [index, { path, range }] of (workerData as DigestQuestion[]).entries()) {
  let since = 0;
  try {
    const digests = await digestFile(path, {
      ...(range && { range }),
      read: bytes => {
        since += bytes;
        if (since < STEP) return;
        tell({ bytes: since });
        since = 0;
      },
    });
    tell({ bytes: since });
    tell({ index, digests });
  } catch (error) {
    tell({ index, failure: { code: systemCode(error), reason: reasonOf(error) } });
  }
}
