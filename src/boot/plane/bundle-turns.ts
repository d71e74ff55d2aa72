// Bounds the memory of bundles that are being sent: one bundle per boot, and a number of bytes for all of them.
import { monotonicNow } from '../../clock.ts';

/** Bytes of all bundles together; a single one may be larger. */
const MOST_BYTES = 512 * 1024 * 1024;
/** Milliseconds after which a bundle can be cut off for others: a client that reads slowly must not keep them out. */
const FAIR_MS = 60_000;
/** Seconds until a node retries when there is no room. */
export const BUNDLE_RETRY_S = 3;

/** Allows one request to keep a bundle in memory, until `end` is called. */
export class BundleTurn {
  readonly boot: string;
  readonly begun: number;
  bytes = 0;
  /** Whether it has to end, because another one replaces it. */
  isReplaced = false;
  private readonly turns: BundleTurns;
  private replaced: (() => void) | undefined;

  constructor(turns: BundleTurns, boot: string, begun: number) {
    this.turns = turns;
    this.boot = boot;
    this.begun = begun;
  }

  /** Reserves the bytes of the bundle; returns false when there is no room now. */
  take(bytes: number): boolean {
    return this.turns.take(this, bytes);
  }

  /** Calls back when another one replaces it; at once if that has happened. */
  onReplaced(callback: () => void): void {
    this.replaced = callback;
    if (this.isReplaced) callback();
  }

  replace(): void {
    this.isReplaced = true;
    this.replaced?.();
  }

  end(): void {
    this.turns.end(this);
  }
}

export class BundleTurns {
  private readonly most: number;
  private readonly now: () => number;
  /** By boot. */
  private readonly running = new Map<string, BundleTurn>();
  /** By boot: the request that waits until the one before it has ended. */
  private readonly waiting = new Map<string, (turn: BundleTurn | undefined) => void>();
  private bytes = 0;

  constructor(most = MOST_BYTES, now: () => number = monotonicNow) {
    this.most = most;
    this.now = now;
  }

  /**
   * Returns a turn. It replaces the earlier one of the same boot, because the node may have lost that connection, and waits until that
   * bundle has left memory. Undefined when a later request has replaced this one.
   */
  async begin(boot: string): Promise<BundleTurn | undefined> {
    const before = this.running.get(boot);
    if (!before) return this.start(boot);
    this.waiting.get(boot)?.(undefined);
    return new Promise(resolve => {
      this.waiting.set(boot, resolve);
      before.replace();
    });
  }

  take(turn: BundleTurn, bytes: number): boolean {
    const others = this.bytes - turn.bytes;
    if (others > 0 && others + bytes > this.most) {
      this.makeRoom(turn, others + bytes - this.most);
      return false;
    }
    this.bytes = others + bytes;
    turn.bytes = bytes;
    return true;
  }

  end(turn: BundleTurn): void {
    const { boot } = turn;
    if (this.running.get(boot) !== turn) return;
    this.bytes -= turn.bytes;
    this.running.delete(boot);
    const next = this.waiting.get(boot);
    this.waiting.delete(boot);
    next?.(this.start(boot));
  }

  private start(boot: string): BundleTurn {
    const turn = new BundleTurn(this, boot, this.now());
    this.running.set(boot, turn);
    return turn;
  }

  /** Cuts off the oldest turns that have had their time; their connections close a moment later. */
  private makeRoom(asking: BundleTurn, bytes: number): void {
    let missing = bytes;
    for (const turn of [...this.running.values()].sort((left, right) => left.begun - right.begun)) {
      if (missing <= 0 || this.now() - turn.begun < FAIR_MS) return;
      if (turn === asking || turn.bytes === 0) continue;
      missing -= turn.bytes;
      if (!turn.isReplaced) turn.replace();
    }
  }
}
