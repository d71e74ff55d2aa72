// How many messages one client may send: a faulty client gets no more than its share.

/** Messages that one hardware address may send in one second; a boot sends two or three. */
export const MESSAGES_PER_SECOND = 20;
/** Lease queries that one requester may send in one second: a monitor asks for a whole cluster. */
export const QUERIES_PER_SECOND = 200;
/** Hardware addresses can be invented freely: beyond this many in a second they share one allowance. */
const CLIENTS = 100_000;

export class Rate {
  private readonly now: () => number;
  private readonly most: number;
  private readonly counts = new Map<string, number>();
  private second = 0;

  constructor(now: () => number, most = MESSAGES_PER_SECOND) {
    this.now = now;
    this.most = most;
  }

  /** Returns whether this message of the client may be answered. */
  allows(client: string): boolean {
    const second = Math.floor(this.now() / 1000);
    if (second !== this.second) {
      this.second = second;
      this.counts.clear();
    }
    const key = this.counts.size < CLIENTS || this.counts.has(client) ? client : '';
    const count = (this.counts.get(key) ?? 0) + 1;
    this.counts.set(key, count);
    return count <= this.most;
  }
}
