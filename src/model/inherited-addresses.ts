// Addresses that nodes inherit from groups: a group can name one for all its nodes only with `+index`.
import { MusterError } from '../errors.ts';
import { parseMac } from '../wire/mac.ts';
import {
  type HeldIp,
  heldIps,
  heldMacs,
  interfaceIps,
  interfaceMacs,
  type Surroundings,
  unavailable,
} from './addresses.ts';
import { append } from './append.ts';
import type { Change } from './change.ts';
import type { Cluster, Entry } from './cluster.ts';
import { type InterfaceSpec, pairsOf, readInterfaces } from './interface-specs.ts';
import type { Value } from './kinds.ts';
import { type Groups, layersOf } from './layers.ts';

type Node = Value<'node'>;

/** The attributes by which a node gets the addresses of its interfaces. */
const NAMES = ['_interfaces', '_ips', '_macs'] as const;

interface Held {
  uid: string;
  node: Node;
  /** Of the interface. */
  name: string;
  /** `group compute`; empty for what the node has itself. */
  source: string;
}

/** Nodes and groups as they are after the changes. */
interface State {
  groups: Groups;
  nodes: readonly { uid: string; value: Node }[];
  /** UIDs of the nodes that the plan changes. */
  touched: ReadonlySet<string>;
}

/**
 * Throws `duplicate` when a plan leaves two nodes with one address, of which at least one comes from a group. Existing clashes are
 * tolerated.
 */
export function refuseInheritedClashes(cluster: Cluster, changes: readonly Change[], around: Surroundings): void {
  if (!groupsGive(cluster, changes) || !changes.some(change => mayMatter(cluster, change))) return;
  const after = stateAfter(cluster, changes);
  const specsOf = specReader();
  const ips = new Map<string, Held[]>();
  const macs = new Map<string, Held[]>();
  for (const { uid, value: node } of after.nodes) {
    const inherited = inheritedOf(after.groups, node);
    for (const { ip, name, source } of ipsOf(inherited, node, specsOf)) append(ips, ip, { uid, node, name, source });
    for (const { mac, name, source } of macsOf(inherited, specsOf)) append(macs, mac, { uid, node, name, source });
  }
  if (ips.size + macs.size === 0) return;
  addOwn(cluster, after, { ips, macs });
  const before = (uid: string): Had => had(cluster, uid, specsOf);
  refuseShared(ips, 'address', (uid, ip) => before(uid).ips.has(ip));
  refuseShared(macs, 'hardware address', (uid, mac) => before(uid).macs.has(mac));
  refuseUnavailable(ips, (uid, ip) => before(uid).ips.has(ip), around);
}

/** Adds the nodes that have one of the addresses themselves; the cluster's indexes find those outside the plan. */
function addOwn(
  cluster: Cluster,
  { nodes, touched }: State,
  { ips, macs }: Record<'ips' | 'macs', Map<string, Held[]>>,
): void {
  const add = (map: Map<string, Held[]>, address: string, uid: string, node: Node, name = ''): void => {
    if (map.has(address)) append(map, address, { uid, node, name, source: '' });
  };
  for (const { uid, value: node } of nodes) {
    if (!touched.has(uid)) continue;
    for (const { ip, name } of heldIps(node)) add(ips, ip, uid, node, name);
    for (const mac of [...heldMacs(node), ...interfaceMacs(node)]) add(macs, mac, uid, node);
  }
  for (const ip of ips.keys())
    for (const { entry, name } of cluster.holdersOf(ip))
      if (!touched.has(entry.uid)) add(ips, ip, entry.uid, entry.value, name);
  for (const mac of macs.keys())
    for (const entry of [cluster.nodeByMac(mac), cluster.nodeByOtherMac(mac)?.entry, cluster.nodeByInterfaceMac(mac)])
      if (entry && !touched.has(entry.uid)) add(macs, mac, entry.uid, entry.value);
}

/** Whether a group has addresses: without one, the nodes need not be looked at. */
function groupsGive(cluster: Cluster, changes: readonly Change[]): boolean {
  const changed = changes.flatMap(({ kind, value }) => (kind === 'attrib' && value ? [value as Value<'attrib'>] : []));
  const groups = [...cluster.all('attrib').map(({ value }) => value), ...changed];
  return groups.some(({ attributes }) => NAMES.some(name => attributes[name] !== undefined));
}

/** Whether a change can give a node another address. */
function mayMatter(cluster: Cluster, { kind, uid, value }: Change): boolean {
  const before = cluster.any(uid)?.value;
  const read = (one: Value | undefined | null): unknown => {
    if (!one) return null;
    if (kind === 'cluster') return (one as Value<'cluster'>).default_group;
    if (kind !== 'attrib' && kind !== 'node') return null;
    const attributes = NAMES.map(name => (one as Value<'attrib'>).attributes[name]);
    if (kind === 'attrib') return attributes;
    const { mac, ip, index, groups } = one as Node;
    return [attributes, mac, ip, index, groups];
  };
  return JSON.stringify(read(before)) !== JSON.stringify(read(value));
}

function stateAfter(cluster: Cluster, changes: readonly Change[]): State {
  const groups = new Map<string, { uid: string; value: Value<'attrib'> } | undefined>();
  const nodes = new Map<string, { uid: string; value: Node }>(cluster.all('node').map(entry => [entry.uid, entry]));
  const touched = new Set<string>();
  let settings = cluster.settings;
  for (const { kind, uid, value } of changes) {
    if (kind === 'cluster' && value) settings = value as Value<'cluster'>;
    if (kind === 'attrib') groups.set(uid, value ? { uid, value: value as Value<'attrib'> } : undefined);
    if (kind !== 'node') continue;
    touched.add(uid);
    if (value) nodes.set(uid, { uid, value: value as Node });
    else nodes.delete(uid);
  }
  const get: Groups['get'] = (kind, uid) => (groups.has(uid) ? groups.get(uid) : cluster.get(kind, uid));
  return { groups: { settings, get }, nodes: [...nodes.values()], touched };
}

type Inherited = Partial<Record<(typeof NAMES)[number], { value: string; source: string }>>;

/** What a node has of these attributes from its groups. */
function inheritedOf(groups: Groups, node: Node): Inherited {
  const found: Inherited = {};
  for (const { attributes, source, isOwn } of layersOf(groups, node))
    for (const name of NAMES) {
      const value = attributes[name];
      if (value === undefined) continue;
      if (isOwn) delete found[name];
      else found[name] = { value, source };
    }
  return found;
}

type SpecsOf = (text: string) => readonly InterfaceSpec[];

/** All nodes of a group have one text: it is read once. */
function specReader(): SpecsOf {
  const known = new Map<string, readonly InterfaceSpec[]>();
  return text => {
    const specs = known.get(text);
    if (specs) return specs;
    const read = readInterfaces(text);
    const made = 'refused' in read ? [] : read.interfaces;
    known.set(text, made);
    return made;
  };
}

function ipsOf({ _interfaces, _ips }: Inherited, node: Node, specsOf: SpecsOf): (HeldIp & { source: string })[] {
  // Several nodes of one chassis may have one controller
  const pairs = pairsOf(_ips?.value).flatMap(([name, ip]) =>
    name === 'bmc' ? [] : [{ ip, name, source: _ips?.source ?? '' }],
  );
  if (!_interfaces) return pairs;
  const { value, source } = _interfaces;
  return [...pairs, ...interfaceIps(specsOf(value), node).map(held => ({ ...held, source }))];
}

function macsOf({ _interfaces, _macs }: Inherited, specsOf: SpecsOf): { mac: string; name: string; source: string }[] {
  const pairs = pairsOf(_macs?.value).flatMap(([name, text]) => {
    const mac = name === 'bmc' ? undefined : parseMac(text);
    return mac ? [{ mac, name, source: _macs?.source ?? '' }] : [];
  });
  if (!_interfaces) return pairs;
  const { value, source } = _interfaces;
  return [...pairs, ...specsOf(value).flatMap(({ mac, name }) => (mac ? [{ mac, name, source }] : []))];
}

interface Had {
  ips: ReadonlySet<string>;
  macs: ReadonlySet<string>;
}

/** The addresses that a node has now. */
function had(cluster: Cluster, uid: string, specsOf: SpecsOf): Had {
  const entry: Entry<'node'> | undefined = cluster.get('node', uid);
  if (!entry) return { ips: new Set(), macs: new Set() };
  const node = entry.value;
  const inherited = inheritedOf(cluster, node);
  return {
    ips: new Set([...ipsOf(inherited, node, specsOf), ...heldIps(node)].map(({ ip }) => ip)),
    macs: new Set([...macsOf(inherited, specsOf).map(({ mac }) => mac), ...heldMacs(node), ...interfaceMacs(node)]),
  };
}

function refuseShared(
  all: ReadonlyMap<string, readonly Held[]>,
  what: string,
  hadIt: (uid: string, address: string) => boolean,
): void {
  for (const [address, held] of all) {
    const nodes = new Map(held.map(({ uid, node }) => [uid, node.name]));
    if (nodes.size < 2 || [...nodes.keys()].every(uid => hadIt(uid, address))) continue;
    const { name = '', source = '' } = held.find(one => one.source !== '') ?? {};
    const names = [...nodes.values()].slice(0, 8).join(', ') + (nodes.size > 8 ? ` and ${nodes.size - 8} more` : '');
    const remedy = what === 'address' ? "Write ip:ADDRESS+index, which adds each node's index, or set" : 'Set';
    throw new MusterError(
      'duplicate',
      `The ${what} ${address} of ${name} (${source}) would be that of ${nodes.size} nodes: ${names}; nothing was changed. ${remedy} it on the nodes themselves.`,
    );
  }
}

/** The networks of the configuration are of IPv4. */
function refuseUnavailable(
  ips: ReadonlyMap<string, readonly Held[]>,
  hadIt: (uid: string, ip: string) => boolean,
  around: Surroundings,
): void {
  for (const [ip, held] of ips)
    for (const { uid, node, name, source } of held) {
      const isChecked = source !== '' && !ip.includes(':');
      const refused = isChecked ? unavailable(ip, heldMacs(node), around) : undefined;
      if (!refused || hadIt(uid, ip)) continue;
      const subject = `${node.name}: the address ${ip} of ${name} (${source})`;
      throw new MusterError(refused.code, `${subject} ${refused.reason}; nothing was changed.`);
    }
}
