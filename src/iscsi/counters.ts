// The numbers of a session: which command is next, how many may come, and which status is next (RFC 7143 §4.2.2).
import type { Numbers } from './pdus/command.ts';
import { serialAdd, serialBefore } from './serial.ts';

export class Counters implements Numbers {
  statSn: number;
  expCmdSn: number;
  /** Grows by one for each command that ends, so it never falls and at most `window` are under way (RFC 7143 §4.2.2.1). */
  maxCmdSn: number;

  constructor(statSn: number, expCmdSn: number, window: number) {
    this.statSn = statSn;
    this.expCmdSn = expCmdSn;
    this.maxCmdSn = serialAdd(expCmdSn, window - 1);
  }

  /**
   * What to do with a request by its CmdSN: `now`, `later` (a number before it is missing), or `drop`: outside the window, to be
   * ignored without a word (RFC 7143 §4.2.2.1). An immediate request does not count.
   */
  admit(cmdSn: number, immediate: boolean): 'now' | 'later' | 'drop' {
    if (immediate) return 'now';
    if (cmdSn === this.expCmdSn && !serialBefore(this.maxCmdSn, cmdSn)) {
      this.expCmdSn = serialAdd(this.expCmdSn, 1);
      return 'now';
    }
    if (serialBefore(cmdSn, this.expCmdSn) || serialBefore(this.maxCmdSn, cmdSn)) return 'drop';
    return 'later';
  }

  /** A request that took a number has ended. */
  ended(immediate: boolean): void {
    if (!immediate) this.maxCmdSn = serialAdd(this.maxCmdSn, 1);
  }

  /** Uses the current StatSN up; called after it was written. */
  nextStatus(): void {
    this.statSn = serialAdd(this.statSn, 1);
  }
}
