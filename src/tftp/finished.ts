// Recently finished transfers: in a storm, a copy of their request may still wait in the socket's queue.
import { Latest } from '../latest.ts';

/** As long as a transfer to a silent client lasts; milliseconds. */
const KEPT_MS = 35_000;
/** As many as may be under way at a time: each entry is an address and a request. */
const MOST = 8192;

export class Finished {
  private readonly now: () => number;
  /** In the order of ending. */
  private readonly requests = new Map<string, { request: string; at: number; until: number }>();
  /** When each address began its last boot, the oldest first. */
  private readonly boots = new Latest<string, number>(MOST);

  constructor(now: () => number) {
    this.now = now;
  }

  /** @param key `address:port` of the client */
  add(key: string, request: string): void {
    const now = this.now();
    this.requests.delete(key);
    this.requests.set(key, { request, at: now, until: now + KEPT_MS });
    for (const [oldest, { until }] of this.requests) {
      if (until > now && this.requests.size <= MOST) break;
      this.requests.delete(oldest);
    }
  }

  /** Records that a client fetches a loader: its requests from now on belong to a new boot, and are not copies from the boot before. */
  began(address: string): void {
    this.boots.set(address, this.now());
  }

  /** Returns whether a client began another boot since this request was answered. @param key `address:port` */
  beganSince(key: string): boolean {
    const begun = this.boots.get(key.slice(0, key.lastIndexOf(':')));
    return begun !== undefined && begun >= (this.requests.get(key)?.at ?? 0);
  }

  /** Returns whether this very request was answered with the whole file not long ago. */
  has(key: string, request: string): boolean {
    const known = this.requests.get(key);
    return known !== undefined && known.request === request && known.until > this.now();
  }
}
