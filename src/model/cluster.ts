// All objects in memory, with the indexes that the boot path and the selections need. The change feed keeps it current.
import { type HeldIp, heldIps, interfaceMacs, otherMacs } from './addresses.ts';
import { KIND_NAMES, type Kind, type Value } from './kinds.ts';

/** One object as stored. */
export interface Entry<K extends Kind = Kind> {
  kind: K;
  uid: string;
  /** Grows by one with each change of the object. */
  revision: number;
  /** Milliseconds since 1970. */
  created: number;
  modified: number;
  value: Value<K>;
}

/** A change of one object: its new state, or null when it was deleted. */
export interface Effect {
  kind: Kind;
  uid: string;
  entry: Entry | null;
  /** The name of a deleted object. */
  name?: string;
}

export class Cluster {
  /** The number of the last commit included. */
  sequence = 0;
  private readonly objects = new Map<string, Entry>();
  private readonly names = new Map<Kind, Map<string, string>>(KIND_NAMES.map(kind => [kind, new Map()]));
  private readonly macs = new Map<string, string>();
  private readonly ips = new Map<string, string>();
  /** Of `_altmacs`, and of management controllers with their address. */
  private readonly otherMacs = new Map<string, { uid: string; controller?: string }>();
  /** Of further interfaces, which DHCP does not know. */
  private readonly interfaceMacs = new Map<string, string>();
  /** The holders of an address: a node, its controller, another of its interfaces. More than one only where older versions allowed it. */
  private readonly holders = new Map<string, (HeldIp & { uid: string })[]>();
  /** The last result of `all`, until something of the kind changes. */
  private readonly sorted = new Map<Kind, readonly Entry[]>();

  get<K extends Kind>(kind: K, uid: string): Entry<K> | undefined {
    const entry = this.objects.get(uid);
    return entry?.kind === kind ? (entry as unknown as Entry<K>) : undefined;
  }

  any(uid: string): Entry | undefined {
    return this.objects.get(uid);
  }

  byName<K extends Kind>(kind: K, name: string): Entry<K> | undefined {
    const uid = this.names.get(kind)?.get(name);
    return uid === undefined ? undefined : this.get(kind, uid);
  }

  /** All of a kind, in the order of creation; nodes in the order of their index. */
  all<K extends Kind>(kind: K): readonly Entry<K>[] {
    const known = this.sorted.get(kind);
    if (known) return known as unknown as readonly Entry<K>[];
    const uids = this.names.get(kind)?.values() ?? [];
    const entries = Array.from(uids, uid => this.objects.get(uid)).filter(entry => entry !== undefined);
    entries.sort(kind === 'node' ? byIndex : byCreation);
    this.sorted.set(kind, entries);
    return entries as unknown as readonly Entry<K>[];
  }

  count(kind: Kind): number {
    return this.names.get(kind)?.size ?? 0;
  }

  /** The cluster-wide settings; they exist from the first start on. */
  get settings(): Value<'cluster'> | undefined {
    return this.byName('cluster', 'cluster')?.value;
  }

  nodeByMac(mac: string): Entry<'node'> | undefined {
    const uid = this.macs.get(mac);
    return uid === undefined ? undefined : this.get('node', uid);
  }

  /** Returns the node with the address in `_altmacs`, or (with the controller's IP) as its `bmc=` in `_macs` and `_ips`. */
  nodeByOtherMac(mac: string): { entry: Entry<'node'>; controller?: string } | undefined {
    const found = this.otherMacs.get(mac);
    const entry = found && this.get('node', found.uid);
    return entry && { ...found, entry };
  }

  /** Returns the node with a further interface of this hardware address. */
  nodeByInterfaceMac(mac: string): Entry<'node'> | undefined {
    const uid = this.interfaceMacs.get(mac);
    return uid === undefined ? undefined : this.get('node', uid);
  }

  nodeByIp(ip: string): Entry<'node'> | undefined {
    const uid = this.ips.get(ip);
    return uid === undefined ? undefined : this.get('node', uid);
  }

  /** Returns the nodes that hold an address, each with the name of the interface; empty for the node's own address. */
  holdersOf(ip: string): { entry: Entry<'node'>; name: string }[] {
    return (this.holders.get(ip) ?? []).flatMap(({ uid, name }) => {
      const entry = this.get('node', uid);
      return entry ? [{ entry, name }] : [];
    });
  }

  /** Returns whether a node, its controller or another of its interfaces has the address. */
  hasIp(ip: string): boolean {
    return this.holders.has(ip);
  }

  /** Applies the changes of a commit. */
  apply(sequence: number, effects: readonly Effect[]): void {
    for (const effect of effects) {
      const before = this.objects.get(effect.uid);
      if (before) this.unindex(before);
      if (effect.entry) this.index(effect.entry);
      this.sorted.delete(effect.kind);
    }
    this.sequence = sequence;
  }

  private index(entry: Entry): void {
    this.objects.set(entry.uid, entry);
    this.names.get(entry.kind)?.set(entry.value.name, entry.uid);
    if (entry.kind !== 'node') return;
    const { mac, ip, attributes } = entry.value as Value<'node'>;
    this.macs.set(mac, entry.uid);
    this.ips.set(ip, entry.uid);
    for (const [other, controller] of otherMacs(attributes)) {
      this.otherMacs.set(other, { uid: entry.uid, ...(controller !== undefined && { controller }) });
    }
    for (const other of interfaceMacs(entry.value as Value<'node'>)) this.interfaceMacs.set(other, entry.uid);
    for (const held of heldIps(entry.value as Value<'node'>)) {
      const others = this.holders.get(held.ip) ?? [];
      this.holders.set(held.ip, [...others, { ...held, uid: entry.uid }]);
    }
  }

  private unindex(entry: Entry): void {
    this.objects.delete(entry.uid);
    const names = this.names.get(entry.kind);
    // Two objects that swap a name within one commit: the other one may be here already.
    if (names?.get(entry.value.name) === entry.uid) names.delete(entry.value.name);
    if (entry.kind !== 'node') return;
    const { mac, ip, attributes } = entry.value as Value<'node'>;
    for (const other of otherMacs(attributes).keys())
      if (this.otherMacs.get(other)?.uid === entry.uid) this.otherMacs.delete(other);
    for (const other of interfaceMacs(entry.value as Value<'node'>))
      if (this.interfaceMacs.get(other) === entry.uid) this.interfaceMacs.delete(other);
    for (const held of heldIps(entry.value as Value<'node'>)) {
      const others = (this.holders.get(held.ip) ?? []).filter(({ uid }) => uid !== entry.uid);
      if (others.length > 0) this.holders.set(held.ip, others);
      else this.holders.delete(held.ip);
    }
    if (this.macs.get(mac) === entry.uid) this.macs.delete(mac);
    if (this.ips.get(ip) === entry.uid) this.ips.delete(ip);
  }
}

function byIndex(left: Entry, right: Entry): number {
  const [one, other] = [left.value as Value<'node'>, right.value as Value<'node'>];
  return one.index - other.index || compareNames(one.name, other.name);
}

function byCreation(left: Entry, right: Entry): number {
  return left.created - right.created || compareNames(left.value.name, right.value.name);
}

function compareNames(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
