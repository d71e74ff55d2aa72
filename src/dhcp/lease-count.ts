// How many addresses are leased now: a figure only. A node's address is its own, whether it is leased or not.
import { monotonicNow } from '../clock.ts';

export class LeaseCount {
  private readonly now: () => number;
  /** When each runs out. Bounded by the number of nodes and controllers: only addresses that are theirs are ever given. */
  private readonly until = new Map<string, number>();

  constructor(now = monotonicNow) {
    this.now = now;
  }

  /** An ACK gave the address for so long. */
  given(ip: string, seconds: number): void {
    this.until.set(ip, this.now() + seconds * 1000);
  }

  /** Those that have not run out. */
  count(): number {
    const now = this.now();
    for (const [ip, until] of this.until) if (until <= now) this.until.delete(ip);
    return this.until.size;
  }
}
