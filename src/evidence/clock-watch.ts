// Notices when somebody sets the wall clock of the head, and remembers it for `why`.
import type { ClockJump } from '../boot/evidence.ts';
import { ClockSteps, monotonicNow } from '../clock.ts';
import type { Log } from '../log.ts';

/** How often the clocks are compared, in milliseconds. */
const EVERY_MS = 1000;
/** Jumps kept, the newest. */
const KEPT = 10;

export class ClockWatch {
  private readonly steps: Pick<ClockSteps, 'look'>;
  private readonly now: () => number;
  private readonly log: Pick<Log, 'warn'>;
  private readonly jumps: { moment: number; by: number }[] = [];

  constructor(log: Pick<Log, 'warn'>, steps: Pick<ClockSteps, 'look'> = new ClockSteps(), now = monotonicNow) {
    this.log = log;
    this.steps = steps;
    this.now = now;
  }

  /** Compares the clocks repeatedly, until the returned function is called. */
  start(): () => void {
    const timer = setInterval(() => this.look(), EVERY_MS);
    return () => clearInterval(timer);
  }

  look(): void {
    const by = this.steps.look();
    if (by === 0) return;
    this.jumps.push({ moment: this.now(), by });
    if (this.jumps.length > KEPT) this.jumps.shift();
    const seconds = Math.round(by / 1000);
    this.log.warn({ seconds }, 'the clock of the head was set; boots are counted by a clock that nobody sets');
  }

  /** Returns the jumps of the last seconds, the newest last. */
  of(within: number): ClockJump[] {
    this.look();
    return this.jumps
      .map(({ moment, by }) => ({ ago: (this.now() - moment) / 1000, by }))
      .filter(({ ago }) => ago <= within);
  }
}
