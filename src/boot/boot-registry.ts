// Which boots there are: the newest of each node, by node and by their public number.
import type { Boot, Outcome } from './boot.ts';
import { stampOf, type Times } from './boot-time.ts';

/** Boots kept per node, the newest; those that are kept for their token come on top. */
const KEPT = 10;

export interface RegistryPorts {
  times: Times;
  /** Hex digits from a source nobody can guess. */
  randomHex(digits: number): string;
  /** A boot has changed and should be saved some time soon. */
  changed(boot: Boot): void;
  /** A boot is in the registry now. */
  added(boot: Boot): void;
  /** A boot has left the registry. */
  removed(boot: Boot): void;
  /** Whether a system runs from this boot, so that it stays however many are newer. */
  isInUse(boot: Boot): boolean;
  /** Whether a token would work again without this boot. */
  keepsToken(boot: Boot): boolean;
}

export class BootRegistry {
  private readonly ports: RegistryPorts;
  private readonly byNode = new Map<string, Boot[]>();
  private readonly ids = new Map<string, Boot>();

  constructor(ports: RegistryPorts) {
    this.ports = ports;
  }

  /** Returns the boots of a node, oldest first. */
  of(node: string): readonly Boot[] {
    return this.byNode.get(node) ?? [];
  }

  /** Returns the boot with this public number. */
  byId(id: string): Boot | undefined {
    return this.ids.get(id);
  }

  /**
   * Returns the newest boot of a node. An enrolled system does not count before its first heartbeat: it waits next to the boot that
   * installs it.
   */
  current(node: string): Boot | undefined {
    return this.of(node).findLast(({ outcome }) => outcome !== 'enrolled');
  }

  /** Begins a boot of the node; the one before it, if it has not ended, is superseded. */
  begin(node: string): Boot {
    const current = this.current(node);
    if (current && !current.outcome) this.end(current, 'superseded');
    return this.beginSeparately(node);
  }

  /** Begins a boot that supersedes no other one. */
  beginSeparately(node: string): Boot {
    const { now, wall, run } = this.ports.times;
    const ordinal = (this.of(node).at(-1)?.ordinal ?? 0) + 1;
    const id = this.ports.randomHex(12);
    return { id, node, started: wall(), begun: { at: now(), run }, ordinal, events: [] };
  }

  /** Adds a boot that has begun, or a saved one; returns those that leave for it, which are too many. */
  insert(boot: Boot): Boot[] {
    const boots = this.byNode.get(boot.node) ?? [];
    boots.push(boot);
    this.byNode.set(boot.node, boots);
    this.ids.set(boot.id, boot);
    this.ports.added(boot);
    const dropped: Boot[] = [];
    const others = boots.filter(old => old !== boot && !this.ports.keepsToken(old));
    while (others.length >= KEPT) {
      // A boot that the node runs from stays, however often its firmware, or whoever pretends to be it, begins another
      const position = others.findIndex(old => !this.ports.isInUse(old));
      dropped.push(...others.splice(Math.max(0, position), 1));
    }
    for (const old of dropped) boots.splice(boots.indexOf(old), 1);
    for (const old of dropped) this.letGo(old);
    return dropped;
  }

  end(boot: Boot, outcome: Outcome): void {
    boot.outcome = outcome;
    boot.ended = stampOf(boot, this.ports.times.now());
    this.ports.changed(boot);
  }

  /** Removes all boots of a node; returns them. */
  remove(node: string): readonly Boot[] {
    const boots = this.of(node);
    for (const boot of boots) this.letGo(boot);
    this.byNode.delete(node);
    return boots;
  }

  private letGo(boot: Boot): void {
    this.ids.delete(boot.id);
    this.ports.removed(boot);
  }
}
