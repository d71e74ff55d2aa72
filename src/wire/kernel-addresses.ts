// Addresses as the kernel knows them, including interfaces without a link (a switch that is off, a bridge before its first node),
// which Node does not list. Text of /proc/net/route and /proc/net/fib_trie; pure.
import { endianness } from 'node:os';
import { ipAt, parseSubnet, subnetContains } from './ip.ts';

/** A network reached without a gateway. */
export interface DirectRoute {
  name: string;
  network: string;
  netmask: string;
}

/** Kinds of route that do not put an address into the interface's network. */
const LOOPBACK = 'lo';
const EVERYTHING = '00000000';

/**
 * Returns the networks of an interface. A default route without a gateway (a tunnel, LTE) does not count.
 *
 * @param routes lines `Iface Destination Gateway Flags RefCnt Use Metric Mask …`: the kernel writes an address as the hexadecimal
 * digits of one word, so that the first byte is last where the processor is little-endian
 */
export function directRoutes(routes: string, byteOrder = endianness()): DirectRoute[] {
  const ip = (hex: string): string => {
    const bytes = Buffer.from(hex, 'hex');
    return ipAt(byteOrder === 'LE' ? bytes.reverse() : bytes);
  };
  return routes
    .split('\n')
    .slice(1)
    .map(line => line.split('\t').map(word => word.trim()))
    .filter(([name, , gateway, , , , , mask]) => name !== LOOPBACK && gateway === EVERYTHING && mask !== EVERYTHING)
    .map(([name = '', destination = '', , , , , , mask = '']) => ({
      name,
      network: ip(destination),
      netmask: ip(mask),
    }));
}

/** Returns the machine's own addresses: a `|-- ADDRESS` followed by the line `/32 host LOCAL`. */
export function ownAddresses(trie: string): string[] {
  return [...new Set(Array.from(trie.matchAll(/\|-- ([\d.]+)\s+\/32 host LOCAL/g), ([, ip = '']) => ip))];
}

/** Returns the machine's own addresses, each with the interface and prefix of the smallest direct network that has it. */
export function kernelAddresses(
  routes: string,
  trie: string,
  byteOrder = endianness(),
): { name: string; address: string; cidr: string }[] {
  const networks = directRoutes(routes, byteOrder).flatMap(({ name, network, netmask }) => {
    const subnet = parseSubnet(`${network}/${prefixOf(netmask)}`);
    return subnet ? [{ name, subnet }] : [];
  });
  const own = ownAddresses(trie).filter(address => !address.startsWith('127.'));
  return own.flatMap(address => {
    const [nearest] = networks
      .filter(({ subnet }) => subnetContains(subnet, address))
      .sort((left, right) => right.subnet.prefix - left.subnet.prefix);
    return nearest ? [{ name: nearest.name, address, cidr: `${address}/${nearest.subnet.prefix}` }] : [];
  });
}

function prefixOf(netmask: string): number {
  return netmask.split('.').reduce((bits, part) => bits + Number(part).toString(2).replaceAll('0', '').length, 0);
}
