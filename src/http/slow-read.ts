// Whether a read came out of the page cache.
import type { Libc } from '../libc.ts';

/** A read that takes longer, in milliseconds, and slept meanwhile, was none from the page cache. */
const COLD_MS = 5;

/**
 * Whether a read had to wait for the disk: it took long, and the thread slept. One that other threads pushed off the processor took long as
 * well.
 */
export function watchSleep<Result>(read: () => Result, libc: Libc): { result: Result; slept: boolean } {
  const before = libc.sleeps();
  const begun = performance.now();
  const result = read();
  const isLong = performance.now() - begun > COLD_MS;
  return { result, slept: isLong && libc.sleeps() !== before };
}
