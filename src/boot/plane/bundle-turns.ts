// How much of nodes' files is in memory to be sent: one bundle for each boot, and a bounded number of bytes for all.
import { monotonicNow } from '../../clock.ts';

/** Bytes of all bundles; one that is alone may have more. */
const MOST_BYTES = 512 * 1024 * 1024;
/** Milliseconds after which a bundle makes room for others that need it: a client that reads slowly must not keep them out. */
const FAIR_MS = 60_000;
/** Seconds until a node that was sent away comes back. */
export const BUNDLE_RETRY_S = 3;

/** The right of one request to have a bundle in memory; `end` must be called. */
export class BundleTurn {
  readonly boot: string;
  readonly begun: number;
  bytes = 0;
  /** Whether it has to end, because another takes its place. */
  isReplaced = false;
  private readonly turns: BundleTurns;
  private replaced: (() => void) | undefined;

  constructor(turns: BundleTurns, boot: string, begun: number) {
    this.turns = turns;
    this.boot = boot;
    this.begun = begun;
  }

  /** Returns whether there is room for the bytes of the bundle now. */
  take(bytes: number): boolean {
    return this.turns.take(this, bytes);
  }

  /** Calls back when another takes its place; at once if one has. */
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
  /** By boot, the request that waits for the end of the one before it. */
  private readonly waiting = new Map<string, (turn: BundleTurn | undefined) => void>();
  private bytes = 0;

  constructor(most = MOST_BYTES, now: () => number = monotonicNow) {
    this.most = most;
    this.now = now;
  }

  /**
   * Returns a turn when the bundle before it of the same boot, which it replaces, has left memory: the node may have lost that
   * connection. Undefined when a later request came meanwhile.
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

  /** Ends the oldest that had their time; their connections are free a moment later. */
  private makeRoom(asking: BundleTurn, bytes: number): void {
    let wanted = bytes;
    for (const turn of [...this.running.values()].sort((left, right) => left.begun - right.begun)) {
      if (wanted <= 0 || this.now() - turn.begun < FAIR_MS) return;
      if (turn === asking || turn.bytes === 0) continue;
      wanted -= turn.bytes;
      if (!turn.isReplaced) turn.replace();
    }
  }
}
