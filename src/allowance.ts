// A token bucket: a burst at once, and then a steady rate.

export class Allowance {
  private readonly burst: number;
  private readonly perSecond: number;
  private readonly now: () => number;
  private left: number;
  private refilled: number;

  /** @param now milliseconds of a monotonic clock */
  constructor(burst: number, perSecond: number, now: () => number) {
    this.burst = burst;
    this.perSecond = perSecond;
    this.now = now;
    this.left = burst;
    this.refilled = now();
  }

  /** Returns a copy with as many tokens left. */
  copy(): Allowance {
    const copy = new Allowance(this.burst, this.perSecond, this.now);
    copy.left = this.left;
    copy.refilled = this.refilled;
    return copy;
  }

  /** Takes a token. Returns false when none is left. */
  take(): boolean {
    const now = this.now();
    this.left = Math.min(this.burst, this.left + (Math.max(0, now - this.refilled) / 1000) * this.perSecond);
    this.refilled = now;
    if (this.left < 1) return false;
    this.left -= 1;
    return true;
  }
}
