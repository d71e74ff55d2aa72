// One alarm for all transfers: it fires when the earliest of them has something to do.
import type { Alarm, SocketLoop } from './datagrams.ts';

export interface Timed {
  /** Milliseconds of the clock that `Deadlines` was given. */
  readonly deadline: number;
  expired(now: number): void;
}

/** The alarm rings at most this often, in milliseconds. */
const STEP = 10;

export class Deadlines {
  private readonly alarm: Alarm;
  private readonly items: () => Iterable<Timed>;
  private readonly now: () => number;
  private due = Number.POSITIVE_INFINITY;

  constructor(loop: SocketLoop, items: () => Iterable<Timed>, now: () => number) {
    this.alarm = loop.alarm(() => this.sweep());
    this.items = items;
    this.now = now;
  }

  /** Call it when a deadline moves nearer; not when one is removed. */
  watch(deadline: number): void {
    if (deadline >= this.due) return;
    this.due = deadline;
    this.alarm.set(Math.max(STEP, deadline - this.now()));
  }

  stop(): void {
    this.alarm.stop();
    this.due = Number.POSITIVE_INFINITY;
  }

  private sweep(): void {
    this.due = Number.POSITIVE_INFINITY;
    const now = this.now();
    let next = Number.POSITIVE_INFINITY;
    for (const item of Array.from(this.items())) {
      if (item.deadline <= now) item.expired(now);
      next = Math.min(next, item.deadline);
    }
    if (next < Number.POSITIVE_INFINITY) this.watch(next);
  }
}
