// Connections that peers reset, by address; bounded.
import { monotonicNow } from '../clock.ts';
import { Latest } from '../latest.ts';

/** Peers kept, those seen last, and the resets kept of each. */
const KEPT = 4096;
const RESETS = 8;

export class Resets {
  private readonly now: () => number;
  private readonly byPeer = new Latest<string, number[]>(KEPT);

  constructor(now = monotonicNow) {
    this.now = now;
  }

  saw(peer: string): void {
    const moments = [...(this.byPeer.get(peer) ?? []), this.now()].slice(-RESETS);
    this.byPeer.set(peer, moments);
  }

  /** Returns how many seconds ago each of the last resets within that many seconds was, the newest last. */
  of(peer: string, within: number): number[] {
    return (this.byPeer.get(peer) ?? []).map(moment => (this.now() - moment) / 1000).filter(ago => ago <= within);
  }

  get size(): number {
    return this.byPeer.size;
  }
}
