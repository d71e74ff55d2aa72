// Two clocks. Durations (limits, waits, rates, ages) go by `monotonicNow`; wall time is for what people read and what is stored.
import { readFileSync } from 'node:fs';
import { uptime } from 'node:os';

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

/** A moment that is stored: comparable after a restart of musterd as long as the head's kernel runs. */
export interface KernelMoment {
  /** Milliseconds since the kernel started (CLOCK_BOOTTIME). */
  at: number;
  /** The kernel's run, by its boot id. */
  run: string;
}

const sinceKernelStart = uptime() * 1000 - performance.now();

/** Returns whole milliseconds since the head's kernel started. It never goes back, and goes on across restarts of musterd. */
export function kernelNow(): number {
  return Math.floor(sinceKernelStart + performance.now());
}

/** Returns the id of this run of the head's kernel. */
export function kernelRun(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}
