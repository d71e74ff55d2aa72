// Decides the head that `muster init` makes, from the options, a cluster-conf file and the machine's interfaces.
import { MusterError } from '../errors.ts';
import { type AddressRange, type ClusterConf, readRange } from '../model/cluster-conf.ts';
import { ipFromNumber, ipToNumber, parseSubnet, type Subnet, subnetHost } from '../wire/ip.ts';

export interface InitOptions {
  interface?: string;
  /** With its prefix; alone when an interface has it. */
  address?: string;
  /** `FIRST` or `FIRST-LAST`. */
  range?: string;
  nodes?: string;
}

export interface InitPlan {
  /** Keys of the configuration with their values. */
  config: Record<string, string>;
  /** Fields of the naming pool that new nodes come from. */
  pool: Record<string, string | number>;
  macs: string[];
  /** Steps on the machine itself before musterd can serve. */
  remarks: string[];
}

/** The facts about an address, in Node's form. */
export interface Address {
  family: string;
  internal: boolean;
  address: string;
  cidr: string | null;
}

export type Interfaces = Readonly<Record<string, readonly Address[] | undefined>>;

/** The options win over the file. Throws an error that names the missing option. */
export function planInit(options: InitOptions, conf: ClusterConf, interfaces: Interfaces): InitPlan {
  const found = addressesOf(interfaces);
  const head = chooseHead(options.address, options.interface ?? conf.interface, found);
  const network = parseSubnet(head.cidr);
  if (!network || network.prefix > 30)
    throw usage(`--address ${head.cidr} is not an address with a prefix, such as 10.54.0.1/24.`);
  const range = options.range === undefined ? conf.range : rangeOf(options.range);
  const nodes = options.nodes === undefined ? conf.nodes : countOf(options.nodes);
  const isThere = found.some(({ address }) => address === network.address);
  return {
    config: {
      'head.address': head.cidr,
      ...(head.name && { 'head.interface': head.name }),
      ...(conf.domain && { 'dhcp.domain': conf.domain }),
    },
    pool: { ...poolRange(network, range, nodes), ...(conf.nodename && { pattern: conf.nodename }) },
    macs: conf.macs,
    remarks: isThere ? [] : [`give the head its address: ip address add ${head.cidr} dev ${head.name || 'INTERFACE'}`],
  };
}

interface Found {
  name: string;
  address: string;
  cidr: string;
}

function addressesOf(interfaces: Interfaces): Found[] {
  return Object.entries(interfaces).flatMap(([name, list]) =>
    (list ?? []).flatMap(({ family, internal, address, cidr }) =>
      family === 'IPv4' && !internal ? [{ name, address, cidr: cidr ?? `${address}/32` }] : [],
    ),
  );
}

/** Takes a single candidate. With several, the user must name one, because DHCP on the wrong network would disturb others. */
function chooseHead(
  address: string | undefined,
  name: string | undefined,
  found: readonly Found[],
): { name: string; cidr: string } {
  const list = found.map(one => `${one.name} ${one.cidr}`).join(', ') || 'none';
  if (address !== undefined) {
    const own = found.find(one => one.address === address.split('/')[0] && (name === undefined || one.name === name));
    if (!address.includes('/') && !own)
      throw usage(
        `No interface has ${address}; there are: ${list}. Give the address with its prefix, such as ${address}/24.`,
      );
    return { name: name ?? own?.name ?? '', cidr: address.includes('/') ? address : (own?.cidr ?? address) };
  }
  const candidates = found.filter(one => name === undefined || one.name === name);
  const [only] = candidates;
  if (only && candidates.length === 1) return only;
  if (name !== undefined && candidates.length === 0)
    throw usage(
      `The interface ${name} has no IPv4 address; there are: ${list}. Give it one, or use --address ADDRESS/PREFIX.`,
    );
  throw usage(
    candidates.length === 0
      ? 'No interface has an IPv4 address; use --interface NAME and --address ADDRESS/PREFIX for the boot network.'
      : `Which one is the boot network? There are: ${list}. Use --interface NAME, or --address ADDRESS.`,
  );
}

function rangeOf(text: string): AddressRange {
  const [first = '', last, ...more] = text.split('-');
  const range = more.length > 0 ? undefined : readRange(first, last);
  if (!range) throw usage(`--range ${text} is not a range; give FIRST or FIRST-LAST, such as 10.54.0.100-10.54.0.199.`);
  return range;
}

function countOf(text: string): number {
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw usage(`--nodes ${text} must be a whole number, 1 or more.`);
}

function poolRange(
  network: Subnet,
  range: AddressRange | undefined,
  nodes: number | undefined,
): Record<string, string | number> {
  if (!range) return nodes === undefined ? {} : { size: nodes };
  const where = `the boot network ${network.network}/${network.prefix}`;
  const first = ipToNumber(range.first);
  const room = ipToNumber(network.broadcast) - first;
  const size = range.last ? ipToNumber(range.last) - first + 1 : (nodes ?? room);
  if (!subnetHost(network, range.first))
    throw usage(`The range begins with ${range.first}, which is not a host address in ${where}.`);
  if (size > room)
    throw usage(`The range ends with ${ipFromNumber(first + size - 1)}, which is not a host address in ${where}.`);
  if (nodes !== undefined && nodes > size)
    throw usage(`${nodes} nodes do not fit into ${size} addresses from ${range.first} on.`);
  return { ip_base: range.first, size: nodes ?? size };
}

function usage(text: string): MusterError {
  return new MusterError('bad-usage', text);
}
