// Who may start a transfer: limits in all and for each peer, repeated requests, and which transfer makes room for another.

/** A transfer as the limits see it. */
export interface Place {
  /** `address:port` of the client. */
  readonly key: string;
  readonly address: string;
  /** The bytes of the request, to distinguish a repetition from a new one. */
  readonly request: string;
  /** Whether the client has not answered anything yet. */
  readonly halfOpen: boolean;
  /** Whether the client has been silent past the time its answer was due. */
  readonly overdue: boolean;
}

export interface AdmissionLimits {
  /** Transfers at the same time. */
  transfers: number;
  /** Transfers at the same time to one address. */
  perPeer: number;
}

const ADMISSION_LIMITS: AdmissionLimits = { transfers: 8192, perPeer: 64 };

/** `makeRoom` is a transfer to end first, silently; `repeats` the one that the request began. */
export type Verdict<T> = { admit: true; makeRoom?: T } | { admit: false; reason: string; repeats?: T };

export class Admission<T extends Place> {
  private readonly places = new Map<string, T>();
  /** Oldest first; answered ones are removed when they are found. */
  private readonly halfOpen = new Set<T>();
  private readonly byPeer = new Map<string, Set<T>>();
  private readonly limits: AdmissionLimits;

  constructor(limits: AdmissionLimits = ADMISSION_LIMITS) {
    this.limits = limits;
  }

  get size(): number {
    return this.places.size;
  }

  /** Returns the transfer of a client's `address:port`. */
  of(key: string): T | undefined {
    return this.places.get(key);
  }

  all(): Iterable<T> {
    return this.places.values();
  }

  ofPeer(address: string): Iterable<T> {
    return this.byPeer.get(address) ?? [];
  }

  /** Called for each read request, before `enter`. */
  ask(key: string, address: string, request: string): Verdict<T> {
    const same = this.places.get(key);
    if (same) return askAgain(same, request);
    const peers = this.byPeer.get(address);
    if (peers && peers.size >= this.limits.perPeer) {
      const oldest = Array.from(peers).find(place => place.halfOpen);
      if (oldest) return { admit: true, makeRoom: oldest };
      return { admit: false, reason: `this peer has ${peers.size} transfers already` };
    }
    if (this.places.size < this.limits.transfers) return { admit: true };
    // As with TCP's half-open connections: a forged sender never answers, a real client does so within a round trip.
    const oldest = this.oldestHalfOpen();
    if (oldest) return { admit: true, makeRoom: oldest };
    return { admit: false, reason: `the server has ${this.places.size} transfers already` };
  }

  enter(place: T): void {
    this.places.set(place.key, place);
    this.halfOpen.add(place);
    const peers = this.byPeer.get(place.address) ?? new Set();
    this.byPeer.set(place.address, peers.add(place));
  }

  leave(place: T): void {
    if (this.places.get(place.key) === place) this.places.delete(place.key);
    this.halfOpen.delete(place);
    const peers = this.byPeer.get(place.address);
    peers?.delete(place);
    if (peers?.size === 0) this.byPeer.delete(place.address);
  }

  private oldestHalfOpen(): T | undefined {
    for (const place of this.halfOpen) {
      if (place.halfOpen) return place;
      this.halfOpen.delete(place);
    }
    return undefined;
  }
}

/** The same address and port asks again: the network or a timer repeated its request, or it started again. */
function askAgain<T extends Place>(same: T, request: string): Verdict<T> {
  const startedOver = same.request !== request || (!same.halfOpen && same.overdue);
  return startedOver
    ? { admit: true, makeRoom: same }
    : { admit: false, reason: 'the request is a repetition', repeats: same };
}
