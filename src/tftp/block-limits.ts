// Clients that larger blocks do not reach: they acknowledge an OACK, which is short, and then no block. The path silently drops
// long packets, or its end does not reassemble fragments. Their next requests get smaller blocks.

/** How long a client gets smaller blocks, in milliseconds: the path may be repaired. */
const KEPT_MS = 3_600_000;
/** Each entry is an address and a number. */
const MOST = 8192;
/** Tried one after the other. RFC 791: every host accepts packets of 576 bytes, which hold a block of 512. */
const STEPS = [1024, 512] as const;

export class BlockLimits {
  private readonly now: () => number;
  /** In the order of discovery. */
  private readonly limits = new Map<string, { block: number; until: number }>();

  constructor(now: () => number) {
    this.now = now;
  }

  /** Returns the largest block for a client; undefined when no limit is known. */
  of(address: string): number | undefined {
    const known = this.limits.get(address);
    return known && known.until > this.now() ? known.block : undefined;
  }

  /** Records that blocks of this size do not reach a client. Returns the next size to try; undefined when there is none. */
  stuck(address: string, blockSize: number): number | undefined {
    const block = STEPS.find(step => step < blockSize);
    const known = this.of(address);
    if (block === undefined || (known !== undefined && known <= block)) return undefined;
    const now = this.now();
    this.limits.delete(address);
    this.limits.set(address, { block, until: now + KEPT_MS });
    for (const [oldest, { until }] of this.limits) {
      if (until > now && this.limits.size <= MOST) break;
      this.limits.delete(oldest);
    }
    return block;
  }
}
