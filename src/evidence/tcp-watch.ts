// Stalled connections of nodes. Each is checked every second, so that a stall is still known after the connection was closed.
import type { TcpLook } from '../boot/evidence.ts';
import { monotonicNow } from '../clock.ts';
import { Latest } from '../latest.ts';
import { worst } from './tcp-info.ts';

/** A connection of a node; the descriptor is valid until the event loop continues. */
export interface OpenConnection {
  peer: string;
  /** Identifies the connection. */
  socket: object;
  descriptor: number;
}

export interface OpenConnections {
  all(): Iterator<OpenConnection>;
  of(peer: string): OpenConnection[];
}

const EVERY_MS = 1000;
/** Connections checked each time: a check is a system call. The others wait for the next time. */
const MOST = 500;
/** This many repetitions of a segment in a row are a stall: the third comes after more than a second. */
const REPETITIONS = 3;
/** Peers whose stalls are kept, those seen last. */
const KEPT = 4096;

export class TcpWatch {
  private readonly open: OpenConnections;
  private readonly look: (descriptor: number) => TcpLook | undefined;
  private readonly now: () => number;
  private readonly progress = new WeakMap<object, { acknowledged: number; moment: number }>();
  private readonly stalls = new Latest<string, { look: TcpLook; moment: number }>(KEPT);
  private rest: Iterator<OpenConnection>;

  constructor(open: OpenConnections, look: (descriptor: number) => TcpLook | undefined, now = monotonicNow) {
    this.open = open;
    this.look = look;
    this.now = now;
    this.rest = open.all();
  }

  /** Starts to look; returns what stops it. */
  start(): () => void {
    const timer = setInterval(() => this.sample(), EVERY_MS);
    return () => clearInterval(timer);
  }

  /** Checks some connections, and continues there the next time. */
  sample(): void {
    for (let looks = 0; looks < MOST; looks += 1) {
      const { value, done } = this.rest.next();
      if (done) {
        this.rest = this.open.all();
        return;
      }
      this.lookAt(value);
    }
  }

  /** Returns the connection of a peer that waits longest; if none waits now, the last that stalled and has made no progress since. */
  of(peer: string): TcpLook | undefined {
    const waits = worst(this.open.of(peer).flatMap(one => this.lookAt(one) ?? []));
    if (waits) return waits;
    const stall = this.stalls.get(peer);
    return stall && { ...stall.look, ago: (this.now() - stall.moment) / 1000 };
  }

  get size(): number {
    return this.stalls.size;
  }

  private lookAt({ peer, socket, descriptor }: OpenConnection): TcpLook | undefined {
    const look = this.look(descriptor);
    if (!look) return undefined;
    const now = this.now();
    const before = this.progress.get(socket) ?? { acknowledged: 0, moment: now - look.quiet * 1000 };
    const isMoving = before.acknowledged > 0 && look.acknowledged > before.acknowledged;
    const moment = isMoving ? now : before.moment;
    this.progress.set(socket, { acknowledged: look.acknowledged, moment });
    const seen = { ...look, quiet: (now - moment) / 1000 };
    if (isMoving) this.stalls.delete(peer);
    else if (look.unacknowledged > 0 && look.retransmits >= REPETITIONS)
      this.stalls.set(peer, { look: seen, moment: now });
    return seen;
  }
}
