// Times of a boot. Its timestamps start at the wall time when it began and advance by a clock that nobody sets: differences
// within a boot are right and never negative, even when NTP or an administrator sets the wall clock during the boot.
import type { Boot } from './boot.ts';

/** The clocks of the head. */
export interface Times {
  /** Milliseconds by a clock that never goes back. */
  now(): number;
  /** Milliseconds since 1970, for people. */
  wall(): number;
  /** What `now` counts from, such as the boot id of the head's kernel: stored moments of another run are not comparable. */
  run: string;
}

/** Returns when the boot began by the clock that never goes back. */
function begunAt(boot: Boot): number {
  return boot.begun?.at ?? boot.started;
}

/** Returns milliseconds since the boot began. */
export function ageOf(boot: Boot, now: number): number {
  return Math.max(0, now - begunAt(boot));
}

/** Returns the timestamp of an event of the boot at `now`: milliseconds since 1970, as the wall clock counted when the boot began. */
export function stampOf(boot: Boot, now: number): number {
  return boot.started + ageOf(boot, now);
}

/** Returns the timestamp of the last event of the boot. */
export function lastStamp(boot: Boot): number {
  return boot.events.at(-1)?.at ?? boot.started;
}

/** Returns the moment of a boot's timestamp by the clock that never goes back: for comparisons with other boots. */
export function momentOf(boot: Boot, stamp: number): number {
  return begunAt(boot) + stamp - boot.started;
}

/** Returns milliseconds since the last event of the boot. */
export function quietOf(boot: Boot, now: number): number {
  return Math.max(0, now - momentOf(boot, lastStamp(boot)));
}

/**
 * Places a stored boot on the head's current clock. For a boot from another run of the head's kernel only wall time is known: its
 * age is what that says, and at least what its last timestamp says.
 */
export function resume(boot: Boot, { now, wall, run }: Times): void {
  if (boot.begun?.run === run && boot.begun.at <= now()) return;
  const least = Math.max(lastStamp(boot), boot.ended ?? 0) - boot.started;
  boot.begun = { at: now() - Math.max(least, wall() - boot.started, 0), run };
}
