// Times of a boot. Its stamps start at the wall time when it began and go on by a clock that nobody sets: differences within a boot are
// right and never negative, also when NTP or an administrator sets the wall clock in mid-boot.
import type { Boot } from './boot.ts';

/** The clocks of the head. */
export interface Times {
  /** Milliseconds by a clock that never goes back. */
  now(): number;
  /** Milliseconds since 1970, for people. */
  wall(): number;
  /** What `now` counts from, such as the boot id of the head's kernel: stored moments of another run do not compare. */
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

/** Returns the stamp of what happens to the boot at `now`: milliseconds since 1970 as the wall clock counted when the boot began. */
export function stampOf(boot: Boot, now: number): number {
  return boot.started + ageOf(boot, now);
}

/** Returns the stamp of the last that was seen of the boot. */
export function lastStamp(boot: Boot): number {
  return boot.events.at(-1)?.at ?? boot.started;
}

/** Returns the moment of one of the boot's stamps, by the clock that never goes back: for comparisons with other boots. */
export function momentOf(boot: Boot, stamp: number): number {
  return begunAt(boot) + stamp - boot.started;
}

/** Returns milliseconds since the last that was seen of the boot. */
export function quietOf(boot: Boot, now: number): number {
  return Math.max(0, now - momentOf(boot, lastStamp(boot)));
}

/**
 * Gives a stored boot its place on the head's present clock. Of one from another run of the head's kernel only wall time is known: it
 * is as old as that says, and at least as old as its last stamp says.
 */
export function resume(boot: Boot, { now, wall, run }: Times): void {
  if (boot.begun?.run === run && boot.begun.at <= now()) return;
  const least = Math.max(lastStamp(boot), boot.ended ?? 0) - boot.started;
  boot.begun = { at: now() - Math.max(least, wall() - boot.started, 0), run };
}
