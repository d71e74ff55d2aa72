// The values that templates see: of one node, and those that all nodes share. Made from the objects, and kept until these change.
import { createHash } from 'node:crypto';
import { append } from '../model/append.ts';
import { effectiveAttributes, type Inherited } from '../model/attributes.ts';
import type { Cluster, Entry } from '../model/cluster.ts';
import { headAddress } from '../model/head.ts';
import { interfacesOf } from '../model/interfaces.ts';
import { isSecretAttribute, secretAttributes } from '../model/secrets.ts';
import type { Networks } from '../networks.ts';
import type { ListedNode, NodeValues, Values } from './template-protocol.ts';
import type { World } from './templates.ts';

export interface ValuePorts {
  cluster: Cluster;
  networks: Networks;
  /** Returns the head as a node with this address sees it. */
  head(ip: string): Values;
  /** Returns the facts of the hardware from the node's last boot. */
  hardware(uid: string): Readonly<Record<string, string>>;
  /** Counts the changes of such facts, of any node; never when absent. */
  hardwareChanges?(): number;
  /** Returns the public ssh host keys of a node by their type; none when absent. */
  hostKeys?(uid: string): Readonly<Record<string, { public: string }>>;
}

export interface Subject {
  values: NodeValues;
  /** Names of attributes that only secret files may read. */
  secretNames: readonly string[];
}

/** The number of nodes between two pauses: about 1 ms of work. */
const AT_ONCE = 10;

/** They belong to one boot, not to the node. */
const PASSING = ['_boot_once'];

/** What the values of a listed node were made from. */
interface Listed {
  entries: readonly unknown[];
  node: ListedNode;
}

export class TemplateValues {
  private readonly ports: ValuePorts;
  private readonly listed = new Map<string, Listed>();
  private known: { sequence: string; world: World } | undefined;

  constructor(ports: ValuePorts) {
    this.ports = ports;
  }

  /** Prepares the values of all nodes, a few at a time, so that the event loop can do other work in between. */
  async ready(): Promise<void> {
    for (const [index, entry] of this.ports.cluster.all('node').entries()) {
      this.list(entry);
      if (index % AT_ONCE === 0) await new Promise(resolve => setImmediate(resolve));
    }
  }

  /** Returns what all nodes share, by the current objects. */
  world(): World {
    const { cluster, hardwareChanges } = this.ports;
    const sequence = `${cluster.sequence} ${hardwareChanges?.() ?? 0}`;
    if (this.known?.sequence === sequence) return this.known.world;
    const entries = cluster.all('node');
    const nodes = entries.map(entry => this.list(entry));
    const present = new Set(entries.map(({ uid }) => uid));
    for (const uid of this.listed.keys()) if (!present.has(uid)) this.listed.delete(uid);
    const values = this.shared(entries);
    const world = {
      shared: { values, digest: digestOf(values) },
      nodes,
      nodesDigest: createHash('sha256')
        .update(nodes.map(({ uid, digest }) => `${uid} ${digest}`).join('\n'))
        .digest('hex'),
    };
    this.known = { sequence, world };
    return world;
  }

  /** Returns the values of one node, its secrets included. */
  of(entry: Entry<'node'>): Subject {
    const { cluster, head, hardware } = this.ports;
    const attributes = this.attributesOf(entry);
    const texts = Array.from(attributes, ([name, { value }]) => [name, value] as const);
    const origins = Array.from(attributes, ([name, { source }]) => [name, source] as const);
    return {
      values: {
        node: this.nodeFacts(entry, attributes),
        attributes: Object.fromEntries(texts),
        origins: Object.fromEntries(origins),
        interfaces: this.interfaces(entry, attributes),
        groups: groupNames(cluster, entry),
        head: head(entry.value.ip),
        image: imageOf(cluster, attributes),
        hardware: { ...hardware(entry.uid) },
      },
      secretNames: texts.flatMap(([name]) => (isSecretAttribute(cluster, name) ? [name] : [])),
    };
  }

  private list(entry: Entry<'node'>): ListedNode {
    const { cluster, hardware } = this.ports;
    const facts = hardware(entry.uid);
    const groups = entry.value.groups.map(uid => cluster.get('attrib', uid));
    const own = cluster.get('attrib', cluster.settings?.default_group ?? '');
    const secret = [...secretAttributes(cluster)].join();
    const entries = [entry, own, secret, JSON.stringify(facts), ...groups];
    const before = this.listed.get(entry.uid);
    if (before && before.entries.length === entries.length && entries.every((one, at) => one === before.entries[at]))
      return before.node;
    const attributes = this.attributesOf(entry);
    for (const name of attributes.keys()) if (isSecretAttribute(cluster, name)) attributes.delete(name);
    const value = {
      ...this.nodeFacts(entry, attributes),
      attributes: Object.fromEntries(Array.from(attributes, ([name, found]) => [name, found.value])),
      interfaces: this.interfaces(entry, attributes),
      groups: groupNames(cluster, entry),
      hardware: { ...facts },
    };
    const node = { uid: entry.uid, digest: digestOf(value), value };
    this.listed.set(entry.uid, { entries, node });
    return node;
  }

  private attributesOf({ value }: Entry<'node'>): Map<string, Inherited> {
    const attributes = effectiveAttributes(this.ports.cluster, value);
    for (const name of PASSING) attributes.delete(name);
    return attributes;
  }

  private nodeFacts({ uid, value }: Entry<'node'>, attributes: ReadonlyMap<string, Inherited>): Values {
    const { name, mac, ip, index, type, description } = value;
    const hostname = attributes.get('_hostname')?.value || name;
    const host_keys = this.ports.hostKeys?.(uid) ?? {};
    return { name, hostname, uid, mac, ip, index, type, description, host_keys };
  }

  private interfaces({ value }: Entry<'node'>, attributes: ReadonlyMap<string, Inherited>): unknown[] {
    const texts = Object.fromEntries(Array.from(attributes, ([name, found]) => [name, found.value]));
    return interfacesOf(value, texts, this.ports.networks);
  }

  private shared(nodes: readonly Entry<'node'>[]): Values {
    const { cluster, networks } = this.ports;
    const members = new Map<string, string[]>();
    for (const { value } of nodes) for (const uid of value.groups) append(members, uid, value.name);
    const { cluster_name: name = '', cluster_id: id = '', default_group: first = '' } = cluster.settings ?? {};
    return {
      all_groups: cluster.all('attrib').map(({ uid, value }) => ({
        name: value.name,
        description: value.description,
        attributes: Object.fromEntries(
          Object.entries(value.attributes).filter(([key]) => !isSecretAttribute(cluster, key)),
        ),
        nodes: uid === first ? nodes.map(node => node.value.name) : (members.get(uid) ?? []),
      })),
      heads: cluster.all('head').map(({ value }) => ({ name: value.name, address: headAddress(value) })),
      cluster: { name, id },
      networks: networks.all.map(({ name: network, subnet, head, router, dns, domain }) => ({
        ...{ name: network, network: subnet.network, netmask: subnet.netmask, prefix: subnet.prefix },
        ...{ head, router, dns: [...dns], domain },
      })),
    };
  }
}

/** Returns the text that identifies the value of one read: equal texts are equal values. */
export function readValue(name: string, world: World, { values }: Subject): string {
  if (name === 'nodes') return world.nodesDigest;
  const [table = '', ...keys] = name.split('.');
  const found = values[table] ?? world.shared.values[table];
  if (keys.length === 0) return JSON.stringify(found) ?? '';
  const held = found as Readonly<Record<string, unknown>> | undefined;
  const key = keys.join('.');
  return held && Object.hasOwn(held, key) ? (JSON.stringify(held[key]) ?? '') : '';
}

function groupNames(cluster: Cluster, { value }: Entry<'node'>): string[] {
  const first = cluster.settings?.default_group ?? '';
  const uids = [first, ...value.groups.filter(uid => uid !== first)];
  return uids.flatMap(uid => cluster.get('attrib', uid)?.value.name ?? []);
}

function imageOf(cluster: Cluster, attributes: ReadonlyMap<string, Inherited>): Values {
  const wanted = attributes.get('_boot_config')?.value ?? '';
  const config = (cluster.byName('boot', wanted) ?? cluster.get('boot', wanted))?.value;
  const image = cluster.get('image', config?.image ?? '')?.value;
  return {
    ...{ name: image?.name ?? '', sha256: image?.content?.sha256 ?? '' },
    ...{ boot_config: config?.name ?? '', release: config?.release ?? '' },
  };
}

function digestOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}
