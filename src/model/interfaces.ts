// The network interfaces of a node: from its own mac and ip, `_macs` and `_ips`, and the attribute `_interfaces`, which says more.
import ipaddr from 'ipaddr.js';
import type { Networks } from '../networks.ts';
import { parseSubnet } from '../wire/ip.ts';
import { parseMac } from '../wire/mac.ts';
import {
  type InterfaceSpec,
  isReserved,
  newSpec,
  pairsOf,
  readInterfaces,
  type SpecAddress,
} from './interface-specs.ts';
import type { Value } from './kinds.ts';

export interface InterfaceAddress {
  address: string;
  prefix: number;
  /** `10.55.0.7/16`. */
  cidr: string;
  /** Of IPv4; empty for IPv6. */
  netmask: string;
  family: 4 | 6;
}

/** One interface; what is not known is empty, 0 or no. */
export interface Interface extends Omit<InterfaceSpec, 'addresses'> {
  addresses: InterfaceAddress[];
}

type Subject = Pick<Value<'node'>, 'name' | 'mac' | 'ip' | 'index'>;

/**
 * Returns the interfaces of a node. The boot interface is the one with `boot:yes` or with the node's hardware address in
 * `_interfaces`; without one it is named `boot`, and comes first.
 * @param attributes the effective ones
 */
export function interfacesOf(
  { mac, ip, index }: Subject,
  attributes: Readonly<Record<string, string>>,
  networks: Pick<Networks, 'of' | 'all'>,
): Interface[] {
  const read = readInterfaces(attributes['_interfaces'] ?? '');
  const specs = 'refused' in read ? [] : read.interfaces.map(spec => ({ ...spec, addresses: [...spec.addresses] }));
  for (const [name, text] of pairsOf(attributes['_macs'])) specOf(specs, name).mac ||= parseMac(text) ?? '';
  for (const [name, text] of pairsOf(attributes['_ips'])) {
    const spec = specOf(specs, name);
    if (!spec.addresses.some(({ address }) => address === text))
      spec.addresses.push({ address: text, prefix: undefined, plusIndex: false });
  }
  const boot = specs.find(spec => spec.boot || spec.mac === mac) ?? newSpec('boot');
  if (!specs.includes(boot)) specs.unshift(boot);
  boot.boot = true;
  boot.mac ||= mac;
  if (!boot.addresses.some(({ address }) => address === ip))
    boot.addresses.unshift({ address: ip, prefix: undefined, plusIndex: false });
  return specs.filter(({ name }) => name !== 'bmc').map(spec => completed(spec, index, networks));
}

/** Returns the spec with this name, which is added when there is none. */
function specOf(specs: InterfaceSpec[], name: string): InterfaceSpec {
  const known = specs.find(spec => spec.name === name);
  if (known) return known;
  const spec = newSpec(name);
  specs.push(spec);
  return spec;
}

/** Fills in what the networks of the configuration know: prefix, gateway and name servers. */
function completed(spec: InterfaceSpec, index: number, networks: Pick<Networks, 'of' | 'all'>): Interface {
  const named = networks.all.find(({ name }) => name === spec.network);
  const addresses = spec.addresses.flatMap(address => {
    const text = addressOf(address, index);
    // Without the index, the address would be that of another node
    if (text === undefined) return [];
    const prefix = address.prefix ?? (named ?? networks.of(text))?.subnet.prefix;
    return [addressFacts(text, prefix)];
  });
  const first = addresses.find(({ family }) => family === 4)?.address;
  const network = named ?? (first === undefined ? undefined : networks.of(first));
  return {
    ...spec,
    addresses,
    network: spec.network || (network?.name ?? ''),
    gateway: spec.gateway || (spec.boot ? (network?.router ?? '') : ''),
    dns: spec.dns.length > 0 || !spec.boot ? spec.dns : [...(network?.dns ?? [])],
  };
}

function addressFacts(address: string, known: number | undefined): InterfaceAddress {
  const family = address.includes(':') ? 6 : 4;
  const prefix = known ?? (family === 4 ? 24 : 64);
  const netmask = family === 4 ? (parseSubnet(`${address}/${prefix}`)?.netmask ?? '') : '';
  return { address, prefix, cidr: `${address}/${prefix}`, netmask, family };
}

/** Returns an address with the index added, if its text says so; undefined when the sum is no node's address in the network. */
export function addressOf({ address, prefix, plusIndex }: SpecAddress, index: number): string | undefined {
  if (!plusIndex) return address;
  const bytes = ipaddr.parse(address).toByteArray();
  let carry = index;
  for (let at = bytes.length - 1; at >= 0 && carry > 0; at -= 1) {
    const sum = (bytes[at] ?? 0) + carry;
    bytes[at] = sum % 256;
    carry = Math.floor(sum / 256);
  }
  if (carry > 0) return undefined;
  const sum = ipaddr.fromByteArray(bytes);
  const isInside = prefix === undefined || sum.match(ipaddr.parse(address), prefix);
  return isInside && !isReserved({ address: sum.toString(), prefix }) ? sum.toString() : undefined;
}
