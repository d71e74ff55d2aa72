// Which hardware addresses were seen with the addresses of nodes. Bounded by the number of nodes.
import { monotonicNow } from '../clock.ts';

/** Hardware addresses kept for each IP address, those seen last. */
const KEPT = 4;
/** An older sighting counts for nothing, in milliseconds. */
const OLD_MS = 24 * 3_600_000;

export interface Sighting {
  mac: string;
  /** Seconds since it was seen last. */
  ago: number;
  /** Seconds since it answered; absent when the kernel has its address from before. */
  answered?: number;
}

export class Neighbours {
  private readonly now: () => number;
  private readonly isNode: (ip: string) => boolean;
  /** By IP address, the newest last. */
  private readonly sightings = new Map<string, { mac: string; moment: number; answered?: number }[]>();

  /** @param isNode whether an address is a node's: no other is kept */
  constructor(isNode: (ip: string) => boolean, now = monotonicNow) {
    this.isNode = isNode;
    this.now = now;
  }

  /** @param confirmed whether it has just answered; else only a change says something */
  seen(ip: string, mac: string, confirmed: boolean): void {
    const known = this.sightings.get(ip) ?? [];
    if (known.at(-1)?.mac === mac && !confirmed) return;
    if (!this.isNode(ip)) {
      this.sightings.delete(ip);
      return;
    }
    const answered = confirmed ? this.now() : known.find(one => one.mac === mac)?.answered;
    const others = known.filter(one => one.mac !== mac && this.now() - one.moment < OLD_MS);
    this.sightings.set(
      ip,
      [...others, { mac, moment: this.now(), ...(answered !== undefined && { answered }) }].slice(-KEPT),
    );
  }

  /** Returns who was seen with an address, the newest last. */
  of(ip: string): readonly Sighting[] {
    const since = (moment: number): number => (this.now() - moment) / 1000;
    return (this.sightings.get(ip) ?? []).map(({ mac, moment, answered }) => ({
      ...{ mac, ago: since(moment) },
      ...(answered !== undefined && { answered: since(answered) }),
    }));
  }

  get size(): number {
    return this.sightings.size;
  }
}
