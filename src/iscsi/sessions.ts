// The sessions of a target by owner: handles, limits, and which new session replaces an old one.
import type { IscsiLimits } from './limits.ts';
import type { Established, Refused } from './login-state.ts';

export interface SessionEntry {
  initiator: string;
  target: string;
  /** The account that logged in, from `Admission.session`; may be empty. */
  account: string;
  isid: string;
  tsih: number;
  /** Ends the session at once. */
  end(reason: string): void;
}

export class Sessions {
  private readonly entries = new Map<string, SessionEntry>();
  /** Sessions per account, initiator and target. */
  private readonly counts = new Map<string, number>();
  private readonly handles = new Set<number>();
  private readonly limits: IscsiLimits;
  private lastTsih = 0;

  constructor(limits: IscsiLimits) {
    this.limits = limits;
  }

  get size(): number {
    return this.entries.size;
  }

  /** Gives a session its handle and ends the one that it replaces, or refuses it. */
  claim(session: Omit<Established, 'tsih'>, end: (reason: string) => void): SessionEntry | Refused {
    const { initiator, isid } = session;
    const target = session.target ?? '';
    const account = session.admission?.session ?? '';
    const owner = ownerOf({ initiator, target, account });
    const key = `${owner}\0${isid}`;
    // RFC 7143 §6.3.5: the same initiator port at the same target is the same session, begun again. It must be of the same
    // account: names can be chosen freely, and nobody else may end a session or use up its initiator's places.
    const older = this.entries.get(key);
    older?.end('the initiator began its session again');
    if (older) this.release(older);
    if (this.entries.size >= this.limits.sessions) {
      return { status: 'out-of-resources', reason: `there are ${this.entries.size} sessions, as many as may be` };
    }
    const own = this.counts.get(owner) ?? 0;
    if (own >= this.limits.sessionsPerInitiator) {
      return { status: 'out-of-resources', reason: `the initiator has ${own} sessions, as many as it may` };
    }
    const entry: SessionEntry = { initiator, target, account, isid, tsih: this.nextTsih(), end };
    this.entries.set(key, entry);
    this.handles.add(entry.tsih);
    this.counts.set(owner, own + 1);
    return entry;
  }

  release(entry: SessionEntry): void {
    const { isid, tsih } = entry;
    const owner = ownerOf(entry);
    const key = `${owner}\0${isid}`;
    if (this.entries.get(key) !== entry) return;
    this.entries.delete(key);
    this.handles.delete(tsih);
    const left = (this.counts.get(owner) ?? 1) - 1;
    if (left > 0) this.counts.set(owner, left);
    else this.counts.delete(owner);
  }

  /** Never 0, which means "none yet" (RFC 7143 §11.12.6), and not in use. */
  private nextTsih(): number {
    do this.lastTsih = (this.lastTsih % 0xffff) + 1;
    while (this.handles.has(this.lastTsih));
    return this.lastTsih;
  }
}

function ownerOf({ initiator, target, account }: Pick<SessionEntry, 'initiator' | 'target' | 'account'>): string {
  return `${initiator}\0${target}\0${account}`;
}
