// The sessions of a target by who they belong to: handles, bounds, and which new session takes the place of an old one.
import type { IscsiLimits } from './limits.ts';
import type { Established, Refused } from './login.ts';

export interface SessionEntry {
  initiator: string;
  target: string;
  isid: string;
  tsih: number;
  /** Ends the session at once. */
  end(reason: string): void;
}

export class Sessions {
  private readonly entries = new Map<string, SessionEntry>();
  private readonly limits: IscsiLimits;
  private lastTsih = 0;

  constructor(limits: IscsiLimits) {
    this.limits = limits;
  }

  get size(): number {
    return this.entries.size;
  }

  /** Gives a session its handle and ends the one that it takes the place of, or refuses it. */
  claim(session: Omit<Established, 'tsih'>, end: (reason: string) => void): SessionEntry | Refused {
    const { initiator, isid } = session;
    const target = session.target ?? '';
    const key = keyOf(initiator, target, isid);
    // RFC 7143 §6.3.5: the same initiator port at the same target is the same session, begun anew.
    this.entries.get(key)?.end('the initiator began its session anew');
    this.entries.delete(key);
    if (this.entries.size >= this.limits.sessions) {
      return { status: 'out-of-resources', reason: `there are ${this.entries.size} sessions, as many as may be` };
    }
    const own = [...this.entries.values()].filter(entry => entry.initiator === initiator && entry.target === target);
    if (own.length >= this.limits.sessionsPerInitiator) {
      return { status: 'out-of-resources', reason: `the initiator has ${own.length} sessions, as many as it may` };
    }
    const entry: SessionEntry = { initiator, target, isid, tsih: this.nextTsih(), end };
    this.entries.set(key, entry);
    return entry;
  }

  release(entry: SessionEntry): void {
    const key = keyOf(entry.initiator, entry.target, entry.isid);
    if (this.entries.get(key) === entry) this.entries.delete(key);
  }

  /** Never 0, which means "none yet" (RFC 7143 §11.12.6), and none that is in use. */
  private nextTsih(): number {
    const used = new Set([...this.entries.values()].map(entry => entry.tsih));
    do this.lastTsih = (this.lastTsih % 0xffff) + 1;
    while (used.has(this.lastTsih));
    return this.lastTsih;
  }
}

function keyOf(initiator: string, target: string, isid: string): string {
  return `${initiator}\0${target}\0${isid}`;
}
