// Whether a read came from the page cache.
import { monotonicNow } from '../clock.ts';
import type { Libc } from '../libc.ts';

/** A read that takes longer than this (ms) and blocked did not come from the page cache. */
const COLD_MS = 5;

/**
 * Returns whether a read had to wait for the disk: it took long, and the thread slept. A thread pushed off the processor takes
 * long too, but does not sleep.
 */
export function watchSleep<Result>(read: () => Result, libc: Libc): { result: Result; slept: boolean } {
  const before = libc.sleeps();
  const begun = monotonicNow();
  const result = read();
  const isLong = monotonicNow() - begun > COLD_MS;
  return { result, slept: isLong && libc.sleeps() !== before };
}
