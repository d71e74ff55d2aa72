// Which boots use their disk over iSCSI. In memory only.
import type { Boot } from './boot.ts';

/** A system with a broken connection reconnects within this time, in milliseconds, also after a restart of the head. */
const RETURN_MS = 10 * 60_000;

export class DiskUse {
  private readonly now: () => number;
  private readonly startedAt: number;
  /** The peers of the boot's sessions, and when the last one ended. */
  private readonly uses = new WeakMap<Boot, { peers: Set<string>; ended: number }>();

  /** @param now milliseconds of a clock that never goes back */
  constructor(now: () => number) {
    this.now = now;
    this.startedAt = now();
  }

  /** @param peer `address:port` of a login that was proven by the boot's secret */
  opened(boot: Boot, peer: string): void {
    const use = this.uses.get(boot) ?? { peers: new Set(), ended: 0 };
    use.peers.add(peer);
    this.uses.set(boot, use);
  }

  /** A connection ended; one that never logged in changes nothing. */
  closed(boot: Boot, peer: string): void {
    const use = this.uses.get(boot);
    if (use?.peers.delete(peer)) use.ended = this.now();
  }

  /** Returns whether the boot's disk is in use, or was recently enough for its system to reconnect. */
  isInUse(boot: Boot): boolean {
    const use = this.uses.get(boot);
    if (!use) return boot.outcome === 'handed-over' && this.now() - this.startedAt <= RETURN_MS;
    return use.peers.size > 0 || this.now() - use.ended <= RETURN_MS;
  }
}
