// The networks that nodes boot from: the head's own, those next to it, and those behind relay agents. Values and look-ups, no
// sockets.
import {
  ipFromNumber,
  ipToNumber,
  parseIpv4,
  parseSubnet,
  type Subnet,
  subnetContains,
  subnetHost,
} from './wire/ip.ts';

/** One entry of the configuration's `[[networks]]`. */
export interface NetworkEntry {
  name: string;
  /** The head's own address there, with its prefix: one of the head's interfaces is in this network. */
  address?: string;
  /** A network without an interface of the head: relay agents pass its requests on. */
  subnet?: string;
  interface?: string;
  router?: string;
  dns?: readonly string[];
  domain?: string;
  lease_seconds?: number;
  /** Addresses for machines that are not nodes, `10.56.0.200-10.56.0.250`; none when absent. */
  range?: string;
  /** For a network behind relays: the head's address for its nodes; that of `head.address` when absent. */
  via?: string;
  /** Addresses of relay agents outside the network they ask for. */
  relays?: readonly string[];
  /** Networks with the same value share a wire. */
  shared?: string;
}

/** Addresses from the first to the last, as numbers, both included. */
export interface AddressRange {
  first: number;
  last: number;
}

/** Reads `10.56.0.200-10.56.0.250`; undefined when it is not a range. */
export function parseRange(text: string): AddressRange | undefined {
  const [first, last, ...more] = text.split('-').map(part => parseIpv4(part));
  if (!first || !last || more.length > 0) return undefined;
  const range = { first: ipToNumber(first), last: ipToNumber(last) };
  return range.last >= range.first && range.last - range.first < MOST_IN_RANGE ? range : undefined;
}

/** A lease is an entry in memory and in the database. */
const MOST_IN_RANGE = 65_536;

/** A network that nodes have addresses in. */
export interface BootNetwork {
  name: string;
  /** `address` is the head's own one there; for a network behind relays it is the network's. */
  subnet: Subnet;
  /** The head's address for nodes of this network. */
  head: string;
  /** Whether the head has an interface in it. */
  attached: boolean;
  /** Empty when it has to be found by the address. */
  interface: string;
  router: string;
  dns: readonly string[];
  domain: string;
  leaseSeconds: number;
  /** For machines that are not nodes. */
  range: AddressRange | undefined;
  relays: readonly string[];
  shared: string;
}

/** What every network has unless its entry says otherwise. */
export interface NetworkDefaults {
  address: string;
  interface: string;
  router: string;
  dns: readonly string[];
  domain: string;
  leaseSeconds: number;
  range?: string;
}

export class Networks {
  /** The network of `head.address`. */
  readonly main: BootNetwork;
  readonly all: readonly BootNetwork[];
  private readonly byPrefix: readonly BootNetwork[];
  private readonly heads: ReadonlySet<string>;

  /** @param defaults `address` must be one that `parseSubnet` reads; @param entries as the schema of `[[networks]]` lets them pass */
  constructor(defaults: NetworkDefaults, entries: readonly NetworkEntry[] = []) {
    const common = { router: defaults.router, dns: defaults.dns, domain: defaults.domain };
    this.main = network(
      {
        name: 'boot',
        address: defaults.address,
        interface: defaults.interface,
        ...(defaults.range && { range: defaults.range }),
        ...common,
      },
      defaults,
    );
    this.all = [this.main, ...entries.map(entry => network(entry, defaults, this.main.head))];
    this.byPrefix = [...this.all].sort((left, right) => right.subnet.prefix - left.subnet.prefix);
    this.heads = new Set(this.attached.map(item => item.head));
  }

  /** Those at an interface of the head, the main one first. */
  get attached(): readonly BootNetwork[] {
    return this.all.filter(item => item.attached);
  }

  /** Takes over the settings that nodes receive (router, name servers, domain, lease time) from networks of the same names. */
  adopt(next: Networks): void {
    for (const item of this.all) {
      const other = next.all.find(({ name }) => name === item.name);
      if (!other) continue;
      const { router, dns, domain, leaseSeconds } = other;
      Object.assign(item, { router, dns, domain, leaseSeconds });
    }
  }

  /** Returns the network that contains an address. */
  of(ip: string): BootNetwork | undefined {
    if (ip.includes(':')) return undefined;
    if (this.all.length === 1) return subnetContains(this.main.subnet, ip) ? this.main : undefined;
    return this.byPrefix.find(item => subnetContains(item.subnet, ip));
  }

  /** The network that a relay agent means by an address (RFC 2131 §4.3.1: 'giaddr' says the client's subnet). */
  ofLink(address: string): BootNetwork | undefined {
    return this.all.find(item => item.relays.includes(address)) ?? this.of(address);
  }

  /** Returns whether two networks share a wire, so that a client of either may be answered. */
  isOneWire(one: BootNetwork, other: BootNetwork): boolean {
    if (one === other) return true;
    if (one.shared !== '' && one.shared === other.shared) return true;
    return one.attached && other.attached && one.interface !== '' && one.interface === other.interface;
  }

  /** Returns whether an address is a host address of its network. */
  isHost(ip: string): boolean {
    const found = this.of(ip);
    return found !== undefined && subnetHost(found.subnet, ip);
  }

  /** Names the holder of an address besides nodes and leases, as in `the router of the network rack2`; undefined when it has none. */
  holderOf(ip: string): string | undefined {
    if (this.heads.has(ip)) return "the head's own";
    const router = this.all.find(item => item.router === ip);
    if (router) return `the router of the network ${router.name}`;
    const relay = this.all.find(item => item.relays.includes(ip));
    return relay && `a relay agent of the network ${relay.name}`;
  }

  /** Returns the network whose range for unknown machines contains an address. */
  ofRange(ip: string): BootNetwork | undefined {
    const found = this.of(ip);
    return found && inRange(found.range, ip) ? found : undefined;
  }

  get hasRange(): boolean {
    return this.all.some(item => item.range !== undefined);
  }

  isHead(ip: string): boolean {
    return this.heads.has(ip);
  }
}

export function inRange(range: AddressRange | undefined, ip: string): boolean {
  if (!range) return false;
  const number = ipToNumber(ip);
  return number >= range.first && number <= range.last;
}

function network(entry: NetworkEntry, defaults: NetworkDefaults, head = ''): BootNetwork {
  const attached = entry.address !== undefined;
  const subnet = parseSubnet(entry.address ?? entry.subnet ?? '');
  if (!subnet) throw new RangeError(`network '${entry.name}' has no address`);
  return {
    name: entry.name,
    subnet,
    head: attached ? subnet.address : (entry.via ?? head),
    attached,
    interface: entry.interface ?? '',
    router: entry.router ?? '',
    dns: entry.dns ?? defaults.dns,
    domain: entry.domain ?? defaults.domain,
    leaseSeconds: entry.lease_seconds ?? defaults.leaseSeconds,
    range: entry.range === undefined ? undefined : parseRange(entry.range),
    relays: entry.relays ?? [],
    shared: entry.shared ?? '',
  };
}

/** Returns contradictions: networks that overlap, a router outside, a name used twice. */
export function networksProblems(networks: Networks): string[] {
  const problems: string[] = [];
  for (const [index, one] of networks.all.entries()) {
    const words = `network '${one.name}' (${one.subnet.network}/${one.subnet.prefix})`;
    for (const other of networks.all.slice(0, index)) {
      if (one.name === other.name)
        problems.push(`two networks have the name '${one.name}'; 'boot' is that of head.address`);
      if (subnetContains(one.subnet, other.subnet.network) || subnetContains(other.subnet, one.subnet.network))
        problems.push(`${words} overlaps network '${other.name}' (${other.subnet.network}/${other.subnet.prefix})`);
    }
    const ends = one.range && [one.range.first, one.range.last].map(ipFromNumber);
    if (ends?.some(ip => !subnetHost(one.subnet, ip)))
      problems.push(`${words}: the range ${ends.join('-')} is not all of host addresses of it`);
    const heads = networks.attached.map(item => item.head).filter(ip => inRange(one.range, ip));
    if (ends && heads.length > 0)
      problems.push(
        `${words}: the range ${ends.join('-')} holds the head's own address ${heads.join(', ')}; leave it out`,
      );
    if (one === networks.main) continue;
    if (one.router !== '' && !subnetHost(one.subnet, one.router))
      problems.push(`${words}: the router ${one.router} is no host of it; nodes could not reach it`);
    if (!networks.isHead(one.head)) problems.push(`${words}: via ${one.head} is no address of the head`);
    if (one.attached && !subnetHost(one.subnet, one.head))
      problems.push(`${words}: ${one.head} is the network's own or its broadcast address; give the head's address`);
  }
  return problems;
}
