// Two clocks. Durations (limits, waits, rates, ages) go by `monotonicNow`; wall time is for what people read and what is stored.

/** Returns milliseconds since this thread started. It never goes back, whatever NTP or an administrator does to the wall clock. */
export function monotonicNow(): number {
  return performance.now();
}

/** How far the two clocks may drift apart between two looks before it counts as a step, in milliseconds: NTP slews by 0.05 %. */
const SLEW_MS = 2000;

/** Notices when somebody sets the wall clock, by comparing it with the monotonic one. */
export class ClockSteps {
  private readonly wall: () => number;
  private readonly monotonic: () => number;
  private offset: number;

  constructor(wall: () => number = Date.now, monotonic = monotonicNow) {
    this.wall = wall;
    this.monotonic = monotonic;
    this.offset = wall() - monotonic();
  }

  /** Returns by how many milliseconds the wall clock was set forward (or, below 0, back) since the last look; 0 when it was not. */
  look(): number {
    const offset = this.wall() - this.monotonic();
    const step = offset - this.offset;
    this.offset = offset;
    return Math.abs(step) < SLEW_MS ? 0 : step;
  }
}
