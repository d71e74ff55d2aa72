// The last request of each peer that the head refused; bounded.
import type { Refusal, RefusalLog } from '../boot/evidence.ts';
import { monotonicNow } from '../clock.ts';
import { Latest } from '../latest.ts';

/** Peers kept, those refused last. */
const KEPT = 4096;
/** A reason may contain text from the peer. */
const MOST_REASON = 300;

export class Refusals implements RefusalLog {
  private readonly now: () => number;
  private readonly byPeer = new Latest<string, Omit<Refusal, 'ago'> & { moment: number }>(KEPT);

  constructor(now = monotonicNow) {
    this.now = now;
  }

  refused(peer: string, reason: string, status?: number): void {
    const before = this.byPeer.get(peer);
    const words = reason.slice(0, MOST_REASON);
    const times = before?.reason === words ? before.times + 1 : 1;
    this.byPeer.set(peer, { moment: this.now(), reason: words, times, ...(status !== undefined && { status }) });
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
