// Transfers that ended well, for a while: a copy of their request may still wait in the socket's queue behind a storm of others.

/** As long as a transfer to a client that never answers lasts; milliseconds. */
const KEPT_MS = 35_000;
/** As many as may be under way at a time: each entry is an address and a request. */
const MOST = 8192;

export class Finished {
  private readonly now: () => number;
  /** In the order of ending. */
  private readonly requests = new Map<string, { request: string; until: number }>();

  constructor(now: () => number) {
    this.now = now;
  }

  /** @param key `address:port` of the client */
  add(key: string, request: string): void {
    const now = this.now();
    this.requests.delete(key);
    this.requests.set(key, { request, until: now + KEPT_MS });
    for (const [oldest, { until }] of this.requests) {
      if (until > now && this.requests.size <= MOST) break;
      this.requests.delete(oldest);
    }
  }

  /** Whether this very request was answered with the whole file not long ago. */
  has(key: string, request: string): boolean {
    const known = this.requests.get(key);
    return known !== undefined && known.request === request && known.until > this.now();
  }
}
