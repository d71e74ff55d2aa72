// Addresses as the kernel knows them, also of interfaces without a link (a switch that is off, a bridge before its first node), which
// Node does not list. Text of /proc/net/route and /proc/net/fib_trie; pure.
import { ipFromBytes, parseSubnet, subnetContains } from './ip.ts';

/** A network that is reached without a gateway. */
export interface DirectRoute {
  name: string;
  network: string;
  netmask: string;
}

/** `Iface Destination Gateway Flags RefCnt Use Metric Mask …`, addresses as hex, lowest byte first. */
export function directRoutes(routes: string): DirectRoute[] {
  const ip = (hex: string): string => ipFromBytes(Buffer.from(hex, 'hex').reverse());
  return routes
    .split('\n')
    .slice(1)
    .map(line => line.split('\t'))
    .filter(([, , gateway]) => gateway === '00000000')
    .map(([name = '', destination = '', , , , , , mask = '']) => ({
      name,
      network: ip(destination),
      netmask: ip(mask),
    }));
}

/** The machine's own addresses: a `|-- ADDRESS` with the line `/32 host LOCAL` behind it. */
export function ownAddresses(trie: string): string[] {
  return [...new Set(Array.from(trie.matchAll(/\|-- ([\d.]+)\s+\/32 host LOCAL/g), ([, ip = '']) => ip))];
}

/** The machine's own addresses in its direct networks, with their interface and prefix. */
export function kernelAddresses(routes: string, trie: string): { name: string; address: string; cidr: string }[] {
  const own = ownAddresses(trie);
  return directRoutes(routes).flatMap(({ name, network, netmask }) => {
    const prefix = netmask
      .split('.')
      .reduce((bits, part) => bits + Number(part).toString(2).replaceAll('0', '').length, 0);
    const subnet = parseSubnet(`${network}/${prefix}`);
    if (!subnet) return [];
    return own
      .filter(address => subnetContains(subnet, address))
      .map(address => ({ name, address, cidr: `${address}/${prefix}` }));
  });
}
