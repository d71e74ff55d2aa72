// The text of `_interfaces`: `ib0=type:infiniband,ip:10.55.1.0+index/16,mtu:4092; bond0=members:eno1+eno2,mode:802.3ad`.
import ipaddr from 'ipaddr.js';
import { didYouMean } from '../nearest.ts';
import { own } from '../own.ts';
import type { Refused } from '../refused.ts';
import { ipToNumber, parseIpv4 } from '../wire/ip.ts';
import { parseMac } from '../wire/mac.ts';
import { conflictOf } from './interface-conflicts.ts';

const INTERFACE_TYPES = ['ethernet', 'infiniband', 'bond', 'vlan', 'bridge'] as const;
export type InterfaceType = (typeof INTERFACE_TYPES)[number];

/** Linux' Documentation/networking/bonding.rst, option `mode`. */
const BOND_MODES = ['balance-rr', 'active-backup', 'balance-xor', 'broadcast', '802.3ad', 'balance-tlb', 'balance-alb'];

export interface SpecAddress {
  address: string;
  /** Undefined when it is that of the address's network in the configuration. */
  prefix: number | undefined;
  /** Whether the node's index is added. */
  plusIndex: boolean;
}

export interface Route {
  /** `10.60.0.0/16`, or `default`. */
  to: string;
  via: string;
}

/** One interface as the attribute has it. */
export interface InterfaceSpec {
  name: string;
  type: InterfaceType;
  /** Whether it is the interface that the node boots from. */
  boot: boolean;
  mac: string;
  addresses: SpecAddress[];
  /** The name of a network of the configuration. */
  network: string;
  gateway: string;
  /** In bytes; 0 for the default. */
  mtu: number;
  /** Of a bond or bridge. */
  members: string[];
  /** Of a bond. */
  mode: string;
  /** 0 when it is no VLAN. */
  vlan: number;
  /** Of a VLAN. */
  parent: string;
  dns: string[];
  dhcp: boolean;
  routes: Route[];
}

/** Interface names are at most 15 bytes long (Linux, IFNAMSIZ). */
const NAME = /^[A-Za-z][A-Za-z0-9_.-]{0,14}$/;

/** Returns what a key does with its value: undefined, or what is wrong with it. */
type Reader = (spec: InterfaceSpec, value: string) => string | undefined;

const READERS: Readonly<Record<string, Reader>> = {
  type: (spec, value) => {
    const type = INTERFACE_TYPES.find(name => name === value);
    if (!type) return `must be one of ${INTERFACE_TYPES.join(', ')}`;
    spec.type = type;
    return undefined;
  },
  boot: (spec, value) => flag(value, on => Object.assign(spec, { boot: on })),
  mac: (spec, value) => {
    const mac = parseMac(value) ?? (/^([0-9a-f]{2}:){19}[0-9a-f]{2}$/i.test(value) ? value.toLowerCase() : undefined);
    spec.mac = mac ?? '';
    return mac ? undefined : 'must be a hardware address of 6 bytes, or of 20 bytes for InfiniBand';
  },
  ip: (spec, value) => {
    const address = readAddress(value);
    if (!address) return 'must be an address with its prefix: 10.55.0.7/16, fd00::7/64, or 10.55.1.0+index/16';
    if (isReserved(address))
      return `${address.address} is that of the network itself, or of all in it; no node can have it`;
    spec.addresses.push(address);
    return undefined;
  },
  network: (spec, value) =>
    text(value, NETWORK_NAME, 'the name of a network', name => Object.assign(spec, { network: name })),
  gateway: (spec, value) => {
    spec.gateway = canonical(value) ?? '';
    return spec.gateway ? undefined : 'must be an address';
  },
  mtu: (spec, value) => number(value, 68, 65_520, mtu => Object.assign(spec, { mtu })),
  members: (spec, value) => {
    spec.members = value.split('+');
    return spec.members.every(name => NAME.test(name)) ? undefined : 'must be names with + between: eno1+eno2';
  },
  mode: (spec, value) => {
    spec.mode = value;
    return BOND_MODES.includes(value) ? undefined : `must be one of ${BOND_MODES.join(', ')}`;
  },
  vlan: (spec, value) => number(value, 1, 4094, vlan => Object.assign(spec, { vlan })),
  parent: (spec, value) => text(value, NAME, 'the name of an interface', parent => Object.assign(spec, { parent })),
  dns: (spec, value) => {
    const servers = value.split('+').map(canonical);
    spec.dns = servers.filter(server => server !== undefined);
    return spec.dns.length === servers.length ? undefined : 'must be addresses with + between: 10.54.0.1+10.54.0.2';
  },
  dhcp: (spec, value) => flag(value, on => Object.assign(spec, { dhcp: on })),
  route: (spec, value) => {
    const [to = '', via = '', ...more] = value.split('@');
    const gateway = canonical(via);
    const target = to === 'default' ? to : readAddress(to);
    if (!target || !gateway || more.length > 0 || (typeof target === 'object' && target.plusIndex))
      return 'must be a network and its gateway: 10.60.0.0/16@10.55.0.1';
    spec.routes.push({ to, via: gateway });
    return undefined;
  },
};

const NETWORK_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;
export const INTERFACE_EXAMPLE =
  'ib0=type:infiniband,ip:10.55.1.0+index/16,mtu:4092; bond0=members:eno1+eno2,mode:802.3ad';

/** Reads the text; refuses it with the interface, the key and what is wrong. */
export function readInterfaces(value: string): { interfaces: InterfaceSpec[] } | Refused {
  const interfaces: InterfaceSpec[] = [];
  for (const part of value.split(';').map(piece => piece.trim())) {
    if (part === '') continue;
    const read = readInterface(part);
    if ('refused' in read) return read;
    if (interfaces.some(({ name }) => name === read.name)) return { refused: `names the interface ${read.name} twice` };
    interfaces.push(read);
  }
  const problem = conflictOf(interfaces);
  return problem === undefined ? { interfaces } : { refused: problem };
}

function readInterface(part: string): InterfaceSpec | Refused {
  const at = part.indexOf('=');
  const name = (at < 0 ? part : part.slice(0, at)).trim();
  if (at < 0 || !NAME.test(name)) return { refused: `must be interfaces such as ${INTERFACE_EXAMPLE}` };
  const spec = newSpec(name);
  const given = new Set<string>();
  for (const option of part
    .slice(at + 1)
    .split(',')
    .map(piece => piece.trim())) {
    if (option === '') continue;
    const [, key = option, value = ''] = /^([^:]*):(.*)$/.exec(option) ?? [];
    const reader = own(READERS, key);
    const known = Object.keys(READERS);
    if (!reader)
      return {
        refused: `has ${name}: '${key}' is unknown; ${didYouMean(key, known, `there are ${known.join(', ')}`)}`,
      };
    if (given.has(key) && key !== 'ip' && key !== 'route') return { refused: `has ${name}: ${key} stands twice` };
    given.add(key);
    const problem = reader(spec, value.trim());
    if (problem !== undefined) return { refused: `has ${name}: ${key} ${problem}` };
  }
  if (!given.has('type')) spec.type = typeOf(spec);
  const problem = partsProblem(spec);
  return problem === undefined ? spec : { refused: `has ${name}: ${problem}` };
}

/** Returns an interface with a name and defaults for everything else. */
export function newSpec(name: string): InterfaceSpec {
  return {
    ...{ name, type: /^ib/.test(name) ? 'infiniband' : 'ethernet', boot: false, mac: '', addresses: [], network: '' },
    ...{ gateway: '', mtu: 0, members: [], mode: '', vlan: 0, parent: '', dns: [], dhcp: false, routes: [] },
  };
}

/** The type of an interface that names none. */
function typeOf({ type, members, vlan }: InterfaceSpec): InterfaceType {
  if (vlan > 0) return 'vlan';
  return members.length > 0 ? 'bond' : type;
}

/** Returns what parts of an interface do not go together. */
function partsProblem({ name, type, members, mode, vlan, parent }: InterfaceSpec): string | undefined {
  if ((vlan > 0 || parent !== '') !== (type === 'vlan')) return 'vlan and parent go with type:vlan';
  if (type === 'vlan' && (vlan === 0 || parent === '')) return 'a VLAN needs vlan and parent: vlan:55,parent:eno1';
  if (members.length > 0 && type !== 'bond' && type !== 'bridge') return 'members go with type:bond or type:bridge';
  if (type === 'bond' && members.length === 0) return 'a bond needs members: members:eno1+eno2';
  if (mode !== '' && type !== 'bond') return 'mode goes with type:bond';
  if (members.includes(name) || parent === name) return 'it cannot be its own member or parent';
  const twice = members.find((member, at) => members.indexOf(member) < at);
  if (twice !== undefined) return `members names ${twice} twice`;
  return undefined;
}

/** Reads `10.55.0.7/16`, `10.55.1.0+index/16`, `fd00::7/64`. The prefix may be missing for IPv4: the network has it. */
function readAddress(value: string): SpecAddress | undefined {
  const [, host = '', plus, digits] = /^([^/+]+)(\+index)?(?:\/(\d{1,3}))?$/.exec(value) ?? [];
  const address = canonical(host);
  if (address === undefined) return undefined;
  const isSix = address.includes(':');
  const prefix = digits === undefined ? undefined : Number(digits);
  if (prefix === undefined ? isSix : prefix > (isSix ? 128 : 32)) return undefined;
  return { address, prefix, plusIndex: plus !== undefined };
}

/** Returns whether it is the IPv4 address of a network itself or its broadcast address (RFC 1122 §3.2.1.3), but not of a /31 or /32. */
export function isReserved({ address, prefix }: Pick<SpecAddress, 'address' | 'prefix'>): boolean {
  if (prefix === undefined || prefix > 30 || address.includes(':')) return false;
  const hosts = 2 ** (32 - prefix);
  const host = ipToNumber(address) % hosts;
  return host === 0 || host === hosts - 1;
}

/** Returns an IPv4 or IPv6 address in its canonical form (RFC 5952); undefined when it is neither. */
function canonical(value: string): string | undefined {
  const four = parseIpv4(value);
  if (four !== undefined) return four;
  return ipaddr.IPv6.isValid(value) && !value.includes('%') ? ipaddr.IPv6.parse(value).toString() : undefined;
}

function flag(value: string, set: (on: boolean) => void): string | undefined {
  if (value !== 'yes' && value !== 'no') return 'must be yes or no';
  set(value === 'yes');
  return undefined;
}

function number(value: string, least: number, most: number, set: (value: number) => void): string | undefined {
  const found = /^\d{1,6}$/.test(value) ? Number(value) : Number.NaN;
  if (!(found >= least && found <= most)) return `must be a number from ${least} to ${most}`;
  set(found);
  return undefined;
}

function text(value: string, shape: RegExp, what: string, set: (value: string) => void): string | undefined {
  if (!shape.test(value)) return `must be ${what}`;
  set(value);
  return undefined;
}

/** Reads `bmc=…,ib0=…`. */
export function pairsOf(list: string | undefined): [name: string, value: string][] {
  return (list ?? '').split(',').flatMap(part => {
    const [name = '', value = ''] = part.trim().split('=');
    return name && value ? [[name, value] as [string, string]] : [];
  });
}
