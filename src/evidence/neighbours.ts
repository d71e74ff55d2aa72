// Which hardware addresses were seen to have the addresses of nodes. Bounded by the nodes there are.

/** Hardware addresses kept for each IP address, those seen last. */
const KEPT = 4;
/** What was seen longer ago says nothing, in milliseconds. */
const OLD_MS = 24 * 3_600_000;

export interface Sighting {
  mac: string;
  /** Milliseconds since 1970, when it was seen last. */
  at: number;
}

export class Neighbours {
  private readonly now: () => number;
  private readonly isNode: (ip: string) => boolean;
  /** By IP address, the newest last. */
  private readonly sightings = new Map<string, Sighting[]>();

  /** @param isNode whether an address is a node's: no other is kept */
  constructor(now: () => number, isNode: (ip: string) => boolean) {
    this.now = now;
    this.isNode = isNode;
  }

  /** @param confirmed whether it has just answered; else only a change says something */
  seen(ip: string, mac: string, confirmed: boolean): void {
    const known = this.sightings.get(ip) ?? [];
    if (known.at(-1)?.mac === mac && !confirmed) return;
    if (!this.isNode(ip)) {
      this.sightings.delete(ip);
      return;
    }
    const others = known.filter(one => one.mac !== mac && this.now() - one.at < OLD_MS);
    this.sightings.set(ip, [...others, { mac, at: this.now() }].slice(-KEPT));
  }

  /** Returns who was seen with an address, the newest last. */
  of(ip: string): readonly Sighting[] {
    return this.sightings.get(ip) ?? [];
  }

  get size(): number {
    return this.sightings.size;
  }
}
