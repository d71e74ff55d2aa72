// Divides one thread among the sessions: each turn of the event loop moves a limited number of bytes, each session its share.

/** Something with work to do, a piece at a time. */
export interface Worker {
  /** Moves about `budget` bytes; returns how many. */
  work(budget: number): number;
  /** Whether another call could do something now. */
  readonly canWork: boolean;
}

/** Bytes that one session may move before another has its turn. */
const SHARE = 256 * 1024;

/** Bytes that all sessions may move before the event loop checks sockets again: about two milliseconds of copying. */
const TURN = 4 * 1024 * 1024;

export class Scheduler {
  /** The waiting sessions, in the order of their turns. */
  private readonly ring = new Set<Worker>();
  private left = TURN;
  private planned = false;
  private readonly later: (run: () => void) => void;

  /** @param later runs a function once the event loop has looked at its sockets */
  constructor(later: (run: () => void) => void = setImmediate) {
    this.later = later;
  }

  /** A session has work: it does its share at once if this turn has room and nobody has waited longer. */
  wake(worker: Worker): void {
    if (this.ring.has(worker) || !worker.canWork) return;
    if (this.ring.size === 0 && this.left > 0) this.run(worker);
    else this.ring.add(worker);
    this.plan();
  }

  forget(worker: Worker): void {
    this.ring.delete(worker);
  }

  private run(worker: Worker): void {
    this.left -= worker.work(Math.min(SHARE, this.left));
    if (worker.canWork) this.ring.add(worker);
  }

  private plan(): void {
    if (this.planned) return;
    this.planned = true;
    this.later(() => {
      this.planned = false;
      this.turn();
    });
  }

  private turn(): void {
    this.left = TURN;
    while (this.left > 0) {
      const worker = this.ring.values().next().value;
      if (!worker) return;
      this.ring.delete(worker);
      if (worker.canWork) this.run(worker);
    }
    if (this.ring.size > 0) this.plan();
  }
}
