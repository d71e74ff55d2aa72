// What the iSCSI target sees: which addresses connect, and which sessions of a boot end without a logout. Bounded.
import type { IscsiBreak, IscsiEnd } from '../boot/evidence.ts';
import { monotonicNow } from '../clock.ts';
import { Latest } from '../latest.ts';

/** Addresses and boots kept, those seen last, and the ends kept of each boot. */
const KEPT = 4096;
const ENDS = 8;

interface Use {
  /** Peers of its open sessions. */
  open: Set<string>;
  breaks: { how: IscsiEnd; moment: number }[];
}

export class IscsiWatch {
  private readonly now: () => number;
  private readonly connections = new Latest<string, number>(KEPT);
  private readonly uses = new Latest<string, Use>(KEPT);

  constructor(now = monotonicNow) {
    this.now = now;
  }

  /** A connection from this address arrived, whatever becomes of it. */
  connected(ip: string): void {
    this.connections.set(ip, this.now());
  }

  /** @param boot its public id @param peer `address:port` */
  began(boot: string, peer: string): void {
    this.use(boot).open.add(peer);
  }

  /** @param how absent when the initiator logged out, or when the target ended it */
  ended(boot: string, peer: string, how?: IscsiEnd): void {
    const use = this.use(boot);
    // Connections that never logged in are no sessions
    if (!use.open.delete(peer) || how === undefined) return;
    use.breaks = [...use.breaks, { how, moment: this.now() }].slice(-ENDS);
  }

  /** Returns what was seen of an address, and of a boot's sessions. */
  of(ip: string, boot: string | undefined): { connected?: number; sessions: number; breaks: IscsiBreak[] } {
    const connected = this.connections.get(ip);
    const { open, breaks } = this.uses.get(boot ?? '') ?? { open: new Set(), breaks: [] };
    return {
      ...(connected !== undefined && { connected: this.ago(connected) }),
      sessions: open.size,
      breaks: breaks.map(({ how, moment }) => ({ how, ago: this.ago(moment) })),
    };
  }

  get size(): number {
    return this.connections.size + this.uses.size;
  }

  private ago(moment: number): number {
    return (this.now() - moment) / 1000;
  }

  private use(boot: string): Use {
    const use = this.uses.get(boot) ?? { open: new Set(), breaks: [] };
    this.uses.set(boot, use);
    return use;
  }
}
