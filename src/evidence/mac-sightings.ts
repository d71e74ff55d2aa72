// Where the DHCP messages of each hardware address come from. Two machines with one address show as two sources by turns; one that is
// moved, or whose board is replaced, changes once. Bounded.
import type { TwinLook } from '../boot/evidence.ts';
import { monotonicNow } from '../clock.ts';
import { Latest } from '../latest.ts';

/** Hardware addresses kept, those seen last. */
const KEPT = 4096;
/** Two sources by turns, A B A, mean two machines when that took less than this, in milliseconds. */
const TURNS_MS = 3_600_000;

/** What a message says of its sender. */
export interface MacSighting {
  mac: string;
  /** Option 97 (RFC 4578 §2.3), when it has one. */
  machine: Buffer | undefined;
  /** The name of the network that it came from. */
  network: string;
}

interface Source {
  name: string;
  first: number;
  last: number;
}

type Turns = Record<TwinLook['by'], Source[]>;

export class MacSightings {
  private readonly now: () => number;
  private readonly byMac = new Latest<string, Turns>(KEPT);

  constructor(now = monotonicNow) {
    this.now = now;
  }

  heard({ mac, machine, network }: MacSighting): void {
    const turns = this.byMac.get(mac) ?? { machine: [], network: [] };
    this.byMac.set(mac, {
      machine: this.add(turns.machine, machineName(machine)),
      network: this.add(turns.network, network),
    });
  }

  /** Returns the two sources that a hardware address had by turns; undefined when there is one, or it changed once. */
  of(mac: string): TwinLook | undefined {
    const turns = this.byMac.get(mac);
    for (const by of ['machine', 'network'] as const) {
      const [first, other, again] = turns?.[by].slice(-3) ?? [];
      if (!first || !other || !again || first.name !== again.name || again.first - first.last > TURNS_MS) continue;
      return { by, names: [other.name, again.name], ago: (this.now() - again.first) / 1000 };
    }
    return undefined;
  }

  get size(): number {
    return this.byMac.size;
  }

  /** Adds a source, or says of the last one that it goes on. */
  private add(turns: readonly Source[], name: string | undefined): Source[] {
    const moment = this.now();
    if (name === undefined) return [...turns];
    const last = turns.at(-1);
    if (last?.name === name) return [...turns.slice(0, -1), { ...last, last: moment }];
    return [...turns, { name, first: moment, last: moment }].slice(-3);
  }
}

/**
 * Returns the identifier as people read it; undefined when it names no machine. Firmware and loaders write its first three fields in one
 * byte order or the other: of both, the one that comes first stands for both.
 */
function machineName(bytes: Buffer | undefined): string | undefined {
  const id = bytes?.subarray(1);
  if (bytes?.[0] !== 0 || id?.length !== 16 || new Set(id).size === 1) return undefined;
  const fields = [id.subarray(0, 4), id.subarray(4, 6), id.subarray(6, 8)];
  const swapped = Buffer.concat([...fields.map(field => Buffer.from(field).reverse()), id.subarray(8)]);
  const text = (Buffer.compare(id, swapped) <= 0 ? id : swapped).toString('hex');
  return text.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
