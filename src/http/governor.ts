// The storm governor: how many images are sent at a time, and who is next. The others learn when to come back.
//
// A link is shared best by a few at a time: the same bytes arrive by the same end, the first nodes are up much sooner, and no
// node is slow enough to give up. The front of the queue waits with its connection open, so that a place is taken the moment it
// is free. The rest get 503 with Retry-After (RFC 9110 §10.2.3), and keep their place in the order of arrival.
import type { Transfer } from '../boot/transfer.ts';
import { insert, position, remove } from './numbered.ts';

export interface GovernorPorts {
  /** Images at a time; read again for each decision. */
  limit(): number;
  /** Milliseconds of a clock that only goes forward. */
  now(): number;
  /** From 0 to 1. */
  random(): number;
  /** Calls back after some milliseconds; returns a function that cancels it. */
  after(milliseconds: number, callback: () => void): () => void;
}

/** One boot that wants its image. */
export interface Applicant {
  /** The boot's public id. */
  boot: string;
  /** The node's name. */
  node: string;
  /** First byte requested, and the size of the whole. */
  start: number;
  size: number;
}

/** A place among those being served; `end` must be called. */
export interface Slot {
  sent(bytes: number): void;
  /** Calls back when the boot asks again on another connection: this one is dead, whether the head has noticed or not. */
  onReplaced(callback: () => void): void;
  end(): void;
}

export type Admission = { slot: Slot } | { retryAfter: number; place: number };

/** How long a connection is held before its node is sent away: nodes treat 30 s of silence as a dead head. */
const HOLD_MS = 15_000;
/** Connections held open at the front of the queue per served image: a socket each, and the link is never idle. */
const HELD_PER_SLOT = 8;
const LEAST_RETRY_S = 1;
/** In the first rush the estimate is far too long, and a sleeping node cannot learn that the link is free. */
const MOST_RETRY_S = 20;
/** A node this late for its retry has given up. */
const GRACE_MS = 60_000;
/** A transfer that is slower than a quarter of the others' rate for this long does not keep others out. */
const SETTLED_MS = 5000;
const SLOW_PART = 4;
/** Hard cap: at most this multiple of the limit, even if all are slow. */
const MOST_SLOW = 4;

interface Running extends Applicant {
  begun: number;
  done: number;
  /** Since the rate was last computed. */
  since: number;
  bytes: number;
  rate: number;
  /** When the network last accepted bytes. */
  last: number;
  /** The number of its former ticket. */
  number: number;
  replaced: () => void;
}

interface Ticket extends Applicant {
  number: number;
  expires: number;
  /** It was cut off and has not come back. */
  cut: boolean;
  /** Answers the waiting connection, if there is one. */
  answer: ((admission: Admission) => void) | undefined;
}

export class Governor {
  private readonly ports: GovernorPorts;
  /** By boot. */
  private readonly running = new Map<string, Running>();
  private readonly tickets = new Map<string, Ticket>();
  /** All tickets, and those with an open connection, by number: there may be ten thousand. */
  private readonly line: Ticket[] = [];
  private readonly held: Ticket[] = [];
  /** Bytes wanted by the tickets of the line. */
  private wanted = 0;
  private nextNumber = 0;
  private nextSweep = 0;

  constructor(ports: GovernorPorts) {
    this.ports = ports;
  }

  /**
   * Answers at once when there is room, else when it is the boot's turn or its time to wait here is over.
   * @param gone calls back when the connection has ended, so that no absent node is served
   */
  async admit(applicant: Applicant, gone: (callback: () => void) => void): Promise<Admission> {
    this.dropExpired();
    const before = this.running.get(applicant.boot);
    const ticket = this.ticketOf(applicant, before?.number);
    if (before) {
      this.running.delete(before.boot);
      before.replaced();
    }
    // A second connection of the same boot: the first one was lost.
    ticket.answer?.(this.sendAway(ticket));
    if (!this.mayHold(ticket)) return this.sendAway(ticket);
    return new Promise(resolve => {
      const stop = this.ports.after(HOLD_MS, () => {
        this.fill();
        ticket.answer?.(this.sendAway(ticket));
      });
      const answer = (admission: Admission): void => {
        stop();
        ticket.answer = undefined;
        remove(this.held, ticket);
        resolve(admission);
      };
      ticket.answer = answer;
      insert(this.held, ticket);
      gone(() => {
        if (ticket.answer === answer) answer(this.sendAway(ticket));
      });
      this.fill();
    });
  }

  /** Returns the running transfers, then the queue in its order. */
  list(): Transfer[] {
    this.dropExpired();
    const running = Array.from(this.running.values(), (item): Transfer => {
      const rate = this.rateOf(item);
      const left = item.size - item.done;
      const { node, boot, done, size } = item;
      const idle = (this.ports.now() - item.last) / 1000;
      return { node, boot, state: 'running', done, size, rate, idle, ...(rate > 0 && { seconds: left / rate }) };
    });
    const { rate, left } = this.underWay();
    const queued = this.line.map(({ node, boot, start, size, cut }, index): Transfer => {
      const seconds = this.secondsUntil(index, rate, left);
      const base = { node, boot, state: 'queued' as const, done: start, size, place: index + 1 };
      return { ...base, ...(seconds !== undefined && { seconds }), ...(cut && { cut }) };
    });
    return [...running, ...queued];
  }

  /** A boot that returns, because it was cut off or sent away, keeps its first number. */
  private ticketOf(applicant: Applicant, number = this.nextNumber++): Ticket {
    const known = this.tickets.get(applicant.boot);
    if (known) {
      this.leave(known);
      return this.join(Object.assign(known, applicant, { cut: false }));
    }
    return this.join({
      ...applicant,
      number,
      expires: Number.POSITIVE_INFINITY,
      cut: false,
      answer: undefined,
    });
  }

  private join(ticket: Ticket): Ticket {
    this.tickets.set(ticket.boot, ticket);
    insert(this.line, ticket);
    this.wanted += ticket.size - ticket.start;
    return ticket;
  }

  private leave(ticket: Ticket): void {
    this.tickets.delete(ticket.boot);
    remove(this.line, ticket);
    this.wanted -= ticket.size - ticket.start;
  }

  private hasRoom(): boolean {
    const limit = this.ports.limit();
    if (this.running.size < limit) return true;
    if (this.running.size >= limit * MOST_SLOW) return false;
    const now = this.ports.now();
    const mean = this.underWay().rate / this.running.size;
    let counted = 0;
    for (const item of this.running.values()) {
      const isSlow = now - item.begun > SETTLED_MS && this.rateOf(item) < mean / SLOW_PART;
      if (!isSlow) counted += 1;
    }
    return counted < limit;
  }

  /** Returns whether a ticket is held at the front of the queue; a better number displaces the last one. */
  private mayHold(ticket: Ticket): boolean {
    if (this.held.length < this.ports.limit() * HELD_PER_SLOT) return true;
    const last = this.held.at(-1);
    if (!last || last.number < ticket.number) return false;
    last.answer?.(this.sendAway(last));
    return true;
  }

  private sendAway(ticket: Ticket): Admission {
    const index = position(this.line, ticket);
    const { rate, left } = this.underWay();
    const expected = this.secondsUntil(index, rate, left) ?? 5;
    const wanted = Math.min(MOST_RETRY_S, Math.max(LEAST_RETRY_S, expected * 0.8));
    // Slightly more or less at random, so that nodes that came together do not come back together.
    const retryAfter = Math.max(1, Math.round(wanted * (0.85 + 0.3 * this.ports.random())));
    ticket.expires = this.ports.now() + retryAfter * 2000 + GRACE_MS;
    return { retryAfter, place: index + 1 };
  }

  private begin(ticket: Ticket): Slot {
    const { boot, node, start, size, number } = ticket;
    const now = this.ports.now();
    this.leave(ticket);
    const item: Running = {
      boot,
      node,
      start,
      size,
      begun: now,
      done: start,
      since: now,
      bytes: 0,
      rate: 0,
      last: now,
      number,
      replaced: () => {},
    };
    this.running.set(boot, item);
    return {
      onReplaced: callback => {
        item.replaced = callback;
      },
      sent: bytes => {
        item.done += bytes;
        item.bytes += bytes;
        item.last = this.ports.now();
        this.measure(item);
      },
      end: () => {
        if (this.running.get(boot) !== item) return;
        this.running.delete(boot);
        // Cut off: when it returns, it does not fall behind later ones.
        if (item.done < size && !this.tickets.has(boot)) {
          const expires = this.ports.now() + GRACE_MS;
          this.join({ boot, node, start: item.done, size, number, expires, cut: true, answer: undefined });
        }
        this.fill();
      },
    };
  }

  /** Fills free places. A boot that was sent away and is not back yet keeps no place empty. */
  private fill(): void {
    for (const ticket of [...this.held]) {
      if (!this.hasRoom()) return;
      ticket.answer?.({ slot: this.begin(ticket) });
    }
  }

  private measure(item: Running): void {
    const span = this.ports.now() - item.since;
    if (span < 1000) return;
    const rate = (item.bytes / span) * 1000;
    item.rate = item.rate === 0 ? rate : (item.rate + rate) / 2;
    item.since += span;
    item.bytes = 0;
  }

  private rateOf(item: Running): number {
    const span = this.ports.now() - item.since;
    const latest = span > 0 ? (item.bytes / span) * 1000 : 0;
    // Silence counts: an old rate is no rate.
    return span > 2000 || item.rate === 0 ? latest : item.rate;
  }

  /** Returns the bytes per second of all running transfers, and the bytes that they still want. */
  private underWay(): { rate: number; left: number } {
    let [rate, left] = [0, 0];
    for (const item of this.running.values()) {
      rate += this.rateOf(item);
      left += item.size - item.done;
    }
    return { rate, left };
  }

  /** Returns the seconds until the turn of a place in the line, counted from 0, from the total rate and the bytes before it. */
  private secondsUntil(index: number, rate: number, left: number): number | undefined {
    if (rate === 0) return undefined;
    const before = left + index * (this.wanted / Math.max(1, this.line.length));
    // The first places are free when the first running transfers are done, not when all are.
    return (index < this.running.size ? before / this.running.size : before) / rate;
  }

  private dropExpired(): void {
    const now = this.ports.now();
    if (now < this.nextSweep) return;
    this.nextSweep = now + 1000;
    for (const ticket of this.tickets.values()) if (!ticket.answer && ticket.expires < now) this.leave(ticket);
  }
}
