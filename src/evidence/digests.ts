// Whether stored files are what was uploaded: read once by a thread and remembered until the file changes.
import { stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { PlannedFile } from '../boot/boot-plan.ts';
import type { StoredLook } from '../boot/evidence.ts';
import type { Digests as FileDigests } from '../durable/digest.ts';
import { Latest } from '../latest.ts';
import { type DigestQuestion, digestFiles } from './digest-files.ts';

/** Results kept, the most recently requested ones. */
const KEPT = 64;
/** Files that may wait to be read; beyond them the answer is "unknown". */
const WAITING = 16;

type Digests = Pick<FileDigests, 'whole' | 'range'>;

/** Reads a file; resolves to undefined when it cannot be read. */
type Read = (question: DigestQuestion) => Promise<Digests | undefined>;

export class StoredDigests {
  private readonly read: Read;
  /** By path, range, and what changes when the file does. */
  private readonly results = new Latest<string, { digests?: Digests; done: Promise<void> }>(KEPT);
  private turn: Promise<unknown> = Promise.resolve();
  private waiting = 0;

  constructor(read: Read = readByThread) {
    this.read = read;
  }

  /** Returns whether a file is right, `reading` if that is unknown after the time, and undefined when the file cannot be read. */
  async look(path: string, file: PlannedFile, milliseconds: number): Promise<StoredLook['state'] | undefined> {
    const found = await stat(path).catch(() => undefined);
    if (!found) return undefined;
    const { ino, size, mtimeMs, ctimeMs } = found;
    const question = { path, range: { offset: file.offset, size: file.size } };
    const key = [path, file.offset, file.size, ino, size, mtimeMs, ctimeMs].join(' ');
    const result = this.results.get(key) ?? this.begin(key, question);
    if (!result) return undefined;
    const patience = new AbortController();
    await Promise.race([result.done, delay(milliseconds, undefined, { signal: patience.signal }).catch(() => {})]);
    patience.abort();
    if (!this.results.has(key)) return undefined;
    if (!result.digests) return 'reading';
    const { whole, range } = result.digests;
    return whole === file.blob && range === file.sha256 ? 'right' : 'wrong';
  }

  /** One file at a time: the disk has other work to do. */
  private begin(key: string, question: DigestQuestion): { digests?: Digests; done: Promise<void> } | undefined {
    if (this.waiting >= WAITING) return undefined;
    this.waiting += 1;
    const result: { digests?: Digests; done: Promise<void> } = { done: Promise.resolve() };
    result.done = this.turn.then(async () => {
      const digests = await this.read(question).catch(() => undefined);
      this.waiting -= 1;
      if (digests) result.digests = digests;
      else this.results.delete(key);
    });
    this.turn = result.done;
    this.results.set(key, result);
    return result;
  }
}

async function readByThread(question: DigestQuestion): Promise<Digests | undefined> {
  let digests: Digests | undefined;
  await digestFiles([question], news => {
    if ('digests' in news) digests = news.digests;
  });
  return digests;
}
