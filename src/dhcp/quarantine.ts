// Addresses that a client found in use by another machine (RFC 2131 §4.3.3): not offered for a while, each time for longer.
import { monotonicNow } from '../clock.ts';

/** The first pause, in milliseconds; it doubles with each DECLINE that follows. */
const FIRST_MS = 10_000;
const MOST_MS = 300_000;
/** Without a DECLINE for this long an address is as good as any other. */
const FORGET_MS = 3_600_000;

export class Quarantine {
  private readonly now: () => number;
  /** Bounded by the number of nodes and of lent addresses: no others are entered. The longest without a DECLINE comes first. */
  private readonly addresses = new Map<string, { until: number; last: number; times: number }>();

  constructor(now = monotonicNow) {
    this.now = now;
  }

  /**
   * Returns the milliseconds that the address is not offered from now on. A DECLINE during that time is a repetition, or came
   * through a second relay agent: it adds nothing.
   */
  enter(ip: string): number {
    const now = this.now();
    const before = this.addresses.get(ip);
    if (before && before.until > now) return before.until - now;
    const times = before && now - before.last < FORGET_MS ? before.times + 1 : 1;
    const length = Math.min(MOST_MS, FIRST_MS * 2 ** (times - 1));
    this.addresses.delete(ip);
    this.addresses.set(ip, { until: now + length, last: now, times });
    for (const [oldest, { last }] of this.addresses) {
      if (now - last < FORGET_MS) break;
      this.addresses.delete(oldest);
    }
    return length;
  }

  /** Seconds until the address may be offered again; 0 when it may be now. */
  secondsLeft(ip: string): number {
    const entry = this.addresses.get(ip);
    if (!entry) return 0;
    return Math.max(0, Math.ceil((entry.until - this.now()) / 1000));
  }
}
