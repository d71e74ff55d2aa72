// How many addresses are leased now, only as a figure. A node's address is its own, leased or not.
import { monotonicNow } from '../clock.ts';

export class LeaseCount {
  private readonly now: () => number;
  /** When each runs out. Bounded by the number of nodes and controllers: only their addresses are given. */
  private readonly until = new Map<string, number>();

  constructor(now = monotonicNow) {
    this.now = now;
  }

  /** Records that an ACK gave the address for `seconds`. */
  given(ip: string, seconds: number): void {
    this.until.set(ip, this.now() + seconds * 1000);
  }

  /** Returns the number of leases that have not run out. */
  count(): number {
    const now = this.now();
    for (const [ip, until] of this.until) if (until <= now) this.until.delete(ip);
    return this.until.size;
  }
}
