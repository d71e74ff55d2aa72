// Concurrency limits by key; and retries of a busy BMC.
import { MusterError } from '../errors.ts';
import { BmcBusy } from './failures.ts';

/** At most `limit` at once for each key; the others wait in order of arrival. */
export class Limits {
  private readonly running = new Map<string, number>();
  private readonly waiting = new Map<string, (() => void)[]>();

  async within<T>(key: string, limit: number, work: () => Promise<T>): Promise<T> {
    const count = this.running.get(key) ?? 0;
    if (count < limit) this.running.set(key, count + 1);
    // A finishing one passes its place on, so the count stays the same.
    else {
      await new Promise<void>(resolve => {
        const queue = this.waiting.get(key) ?? [];
        queue.push(resolve);
        this.waiting.set(key, queue);
      });
    }
    try {
      return await work();
    } finally {
      const next = this.waiting.get(key)?.shift();
      if (next) next();
      else this.leave(key);
    }
  }

  private leave(key: string): void {
    const count = (this.running.get(key) ?? 1) - 1;
    if (count > 0) this.running.set(key, count);
    else {
      this.running.delete(key);
      this.waiting.delete(key);
    }
  }
}

/** Tries of one question to a busy BMC, including the first. */
const TRIES = 4;

/** The longest pause that a BMC may request, in milliseconds. */
const LONGEST_PAUSE_MS = 30_000;

/**
 * Asks again while the answer is `bmc-busy`: after about 0.5, 1 and 2 s, at random between half and one and a half of it, or
 * after the time that the BMC requests.
 */
export async function askingAgain<T>(
  work: () => Promise<T>,
  sleep: (milliseconds: number) => Promise<unknown>,
  random: () => number,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof MusterError) || error.code !== 'bmc-busy' || attempt === TRIES) throw error;
      const wanted = error instanceof BmcBusy ? error.retryAfterMs : undefined;
      await sleep(Math.min(wanted ?? 500 * 2 ** (attempt - 1) * (0.5 + random()), LONGEST_PAUSE_MS));
    }
  }
}

/** Gives each caller its own moment, `seconds` after the last one's. */
export class Stagger {
  private readonly interval: number;
  private readonly now: () => number;
  private next = 0;

  constructor(seconds: number, now: () => number) {
    this.interval = seconds * 1000;
    this.now = now;
  }

  /** Milliseconds that the caller has to wait. */
  turn(): number {
    const now = this.now();
    const at = Math.max(now, this.next);
    this.next = at + this.interval;
    return at - now;
  }
}
