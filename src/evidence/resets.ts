// Connections that peers reset, by address; bounded.
import { monotonicNow } from '../clock.ts';

/** Peers kept, those seen last, and the resets kept of each. */
const KEPT = 4096;
const RESETS = 8;

export class Resets {
  private readonly now: () => number;
  private readonly byPeer = new Map<string, number[]>();

  constructor(now = monotonicNow) {
    this.now = now;
  }

  saw(peer: string): void {
    const moments = [...(this.byPeer.get(peer) ?? []), this.now()].slice(-RESETS);
    this.byPeer.delete(peer);
    this.byPeer.set(peer, moments);
    const [oldest] = this.byPeer.keys();
    if (this.byPeer.size > KEPT && oldest !== undefined) this.byPeer.delete(oldest);
  }

  /** Returns how many seconds ago each of the last resets within that many seconds was, the newest last. */
  of(peer: string, within: number): number[] {
    return (this.byPeer.get(peer) ?? []).map(moment => (this.now() - moment) / 1000).filter(ago => ago <= within);
  }

  get size(): number {
    return this.byPeer.size;
  }
}
