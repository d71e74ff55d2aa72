// A thread that reads one file and answers its digests, so that the event loop does nothing else meanwhile.
import { parentPort, workerData } from 'node:worker_threads';
import { digestFile } from '../durable/digest.ts';
import type { DigestQuestion } from './digests.ts';

const { path, offset, size } = workerData as DigestQuestion;
parentPort?.postMessage(await digestFile(path, { range: { offset, size } }));
