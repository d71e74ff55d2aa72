// The last request of each peer that the head refused; bounded.
import type { Refusal, RefusalLog } from '../boot/evidence.ts';
import { monotonicNow } from '../clock.ts';

/** Peers kept, those refused last. */
const KEPT = 4096;
/** A reason may contain text from the peer. */
const MOST_REASON = 300;

export class Refusals implements RefusalLog {
  private readonly now: () => number;
  private readonly byPeer = new Map<string, Omit<Refusal, 'ago'> & { moment: number }>();

  constructor(now = monotonicNow) {
    this.now = now;
  }

  refused(peer: string, reason: string, status?: number): void {
    const before = this.byPeer.get(peer);
    const words = reason.slice(0, MOST_REASON);
    const times = before?.reason === words ? before.times + 1 : 1;
    this.byPeer.delete(peer);
    this.byPeer.set(peer, { moment: this.now(), reason: words, times, ...(status !== undefined && { status }) });
    const [oldest] = this.byPeer.keys();
    if (this.byPeer.size > KEPT && oldest !== undefined) this.byPeer.delete(oldest);
  }

  /** Returns the last refusal of a peer within that many seconds. */
  of(peer: string, within: number): Refusal | undefined {
    const found = this.byPeer.get(peer);
    if (!found) return undefined;
    const { moment, ...refusal } = found;
    const ago = (this.now() - moment) / 1000;
    return ago <= within ? { ...refusal, ago } : undefined;
  }
}
