// The numbers of a session: the next command, how many may come, and the next status (RFC 7143 §4.2.2).
import type { Numbers } from './pdus/command.ts';
import { serialAdd, serialBefore } from './serial.ts';

export class Counters implements Numbers {
  statSn: number;
  expCmdSn: number;
  /** Grows by one for each command that ends, so it never falls and at most `window` commands run (RFC 7143 §4.2.2.1). */
  maxCmdSn: number;

  constructor(statSn: number, expCmdSn: number, window: number) {
    this.statSn = statSn;
    this.expCmdSn = expCmdSn;
    this.maxCmdSn = serialAdd(expCmdSn, window - 1);
  }

  /**
   * Returns what to do with a request by its CmdSN: `now`, `later` (a number before it is missing), or `drop` (outside the
   * window, to be ignored silently, RFC 7143 §4.2.2.1). An immediate request does not count.
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

  /** A request with a number has ended. */
  ended(immediate: boolean): void {
    if (!immediate) this.maxCmdSn = serialAdd(this.maxCmdSn, 1);
  }

  /** Uses up the current StatSN; called after it was written. */
  nextStatus(): void {
    this.statSn = serialAdd(this.statSn, 1);
  }
}
