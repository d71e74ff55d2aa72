// Waiting in tests: for a condition, with a deadline and what was waited for. Nothing else in the tests sleeps.
import { setTimeout as delay } from 'node:timers/promises';

export interface UntilOptions {
  /** How long at most; generous, for no test may depend on how fast the machine is. */
  milliseconds?: number;
  /** How long between two looks, in milliseconds. */
  every?: number;
  /** What to add to the error: a log, what was seen instead. */
  seen?(): unknown;
}

/** Resolves with the first answer that is neither false, undefined nor null; throws when none has come in time. */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  { milliseconds = 120_000, every = 20, seen }: UntilOptions = {},
): Promise<Exclude<T, false | undefined | null>> {
  const end = performance.now() + milliseconds;
  for (;;) {
    const found = await look();
    if (found !== false && found !== undefined && found !== null) return found as Exclude<T, false | undefined | null>;
    if (performance.now() > end)
      throw new Error(`${what}: not in ${milliseconds} ms${seen ? `; ${await seen()}` : ''}`);
    await delay(every);
  }
}

/** Resolves with the promise; throws when it takes longer than the limit. */
export async function within<T>(what: string, promise: Promise<T>, milliseconds = 120_000): Promise<T> {
  const enough = new AbortController();
  const late = delay(milliseconds, undefined, { signal: enough.signal, ref: false }).then(() => {
    throw new Error(`${what}: not in ${milliseconds} ms`);
  });
  late.catch(() => {});
  try {
    return await Promise.race([promise, late]);
  } finally {
    enough.abort();
  }
}
