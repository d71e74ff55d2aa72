// Which addresses a node holds, read from the marks in the table of kinds, and which other machines hold addresses.
import type { Networks } from '../networks.ts';
import { parseMac } from '../wire/mac.ts';
import { type InterfaceSpec, pairsOf, readInterfaces } from './interface-specs.ts';
import { addressOf } from './interfaces.ts';
import { fieldsOf, type Value } from './kinds.ts';

type Node = Value<'node'>;
type Attributes = Readonly<Record<string, string>>;

/** An address of a node, IPv4 or IPv6. */
export interface HeldIp {
  ip: string;
  /** The interface's name in `_ips` or `_interfaces`; empty for the node's own address. */
  name: string;
}

const ADDRESS_FIELDS = fieldsOf('node').filter(({ meta }) => meta.address !== undefined);

/** Returns every address of a node. One in `_ips` counts with or without a hardware address in `_macs`. */
export function heldIps(node: Node): HeldIp[] {
  return ADDRESS_FIELDS.flatMap(({ name, meta }): HeldIp[] => {
    const held: unknown = node[name as keyof Node];
    if (meta.address === 'ip') return typeof held === 'string' && held !== '' ? [{ ip: held, name: '' }] : [];
    if (meta.address !== 'names') return [];
    const pairs = pairsOf((held as Attributes)['_ips']).map(([name, ip]) => ({ ip, name }));
    return [...pairs, ...interfaceIps(specsOf(held as Attributes), node)];
  });
}

/** Returns the addresses of what `_interfaces` says; the node's own address on its boot interface is not one more. */
export function interfaceIps(specs: readonly InterfaceSpec[], { ip, index }: Pick<Node, 'ip' | 'index'>): HeldIp[] {
  return specs.flatMap(({ name, addresses }) =>
    addresses.flatMap(address => {
      const sum = addressOf(address, index);
      return sum === undefined || sum === ip ? [] : [{ ip: sum, name }];
    }),
  );
}

function specsOf(attributes: Attributes): InterfaceSpec[] {
  const read = readInterfaces(attributes['_interfaces'] ?? '');
  return 'refused' in read ? [] : read.interfaces;
}

/** Returns the hardware addresses of further interfaces, in `_macs` and `_interfaces`; DHCP does not know them. */
export function interfaceMacs({ mac, attributes }: Node): Set<string> {
  const named = pairsOf(attributes['_macs']).flatMap(([name, text]) => (name === 'bmc' ? [] : (parseMac(text) ?? [])));
  const all = new Set([...named, ...specsOf(attributes).flatMap(spec => spec.mac || [])]);
  all.delete(mac);
  return all;
}

/** Returns every hardware address that a node answers to. */
export function heldMacs(node: Node): Set<string> {
  return new Set(
    ADDRESS_FIELDS.flatMap(({ name, meta }): string[] => {
      const held: unknown = node[name as keyof Node];
      if (meta.address === 'mac') return [String(held)];
      return meta.address === 'names' ? [...otherMacs(held as Attributes).keys()] : [];
    }),
  );
}

/**
 * Returns the hardware addresses in `_altmacs`, and that of the management controller with its IPv4 address as the value. They
 * count on the node itself, not on groups: an address of a group would belong to many.
 */
export function otherMacs(attributes: Attributes): Map<string, string | undefined> {
  const found = new Map<string, string | undefined>();
  for (const text of (attributes['_altmacs'] ?? '').split(',')) {
    const mac = parseMac(text);
    if (mac) found.set(mac, undefined);
  }
  const mac = parseMac(pairsOf(attributes['_macs']).find(([name]) => name === 'bmc')?.[1] ?? '');
  const ip = pairsOf(attributes['_ips']).find(([name]) => name === 'bmc')?.[1];
  if (mac && ip) found.set(mac, ip);
  return found;
}

/** Names the holder of an address in a sentence: `n0`, `the controller of n0`, `the interface ib0 of n0`. */
export function holderWords(node: string, { name }: Pick<HeldIp, 'name'>): string {
  if (name === '') return node;
  return name === 'bmc' ? `the controller of ${node}` : `the interface ${name} of ${node}`;
}

/** Holders of addresses that are not nodes: those that the networks name, and those that only the daemon knows. */
export interface Surroundings {
  networks?: Networks | undefined;
  /** Says who else uses an address, as in `lent to 52:54:00:00:00:07`. The machine with these hardware addresses may have it. */
  usedBy?: ((ip: string, macs: ReadonlySet<string>) => string | undefined) | undefined;
}

/** Why an address is unavailable, as the rest of a sentence that begins with the address. */
export interface Unavailable {
  code: 'duplicate' | 'bad-value';
  reason: string;
}

/** Returns why a node may not hold an address; undefined when it may. */
export function unavailable(
  ip: string,
  macs: ReadonlySet<string>,
  { networks, usedBy }: Surroundings,
): Unavailable | undefined {
  const holder = networks?.holderOf(ip) ?? usedBy?.(ip, macs);
  if (holder !== undefined) return { code: 'duplicate', reason: `is ${holder}` };
  const range = networks?.ofRange(ip);
  return range && { code: 'bad-value', reason: `is in the range for unknown machines of the network ${range.name}` };
}
