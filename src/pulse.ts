// Notices that a helper, a thread or a process, hangs without ending: it answers no ping. Pure.

/** Ticks without an answer after `hung` before a helper counts as one that cannot be ended. */
const MORE_TICKS = 2;

export class Pulse {
  private readonly most: number;
  private begun = false;
  private unanswered = 0;

  /** @param most ticks without an answer that mean a hang */
  constructor(most: number) {
    this.most = most;
  }

  /** The helper answered. */
  heard(): void {
    this.begun = true;
    this.unanswered = 0;
  }

  /**
   * Returns what to do at a regular tick: send a ping, wait, end a helper that hangs, or report that it still runs. Counts ticks, not
   * time: a head that was suspended had none. A helper that never answered has not started yet.
   */
  tick(): 'ping' | 'wait' | 'hung' | 'stuck' {
    if (this.unanswered === 0) {
      this.unanswered = 1;
      return 'ping';
    }
    if (!this.begun) return 'wait';
    this.unanswered += 1;
    if (this.unanswered === this.most + 1) return 'hung';
    return this.unanswered === this.most + 1 + MORE_TICKS ? 'stuck' : 'wait';
  }
}
