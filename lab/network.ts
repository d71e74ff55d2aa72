// The network of a virtual cluster: a bridge with the head's address, one tap per node, and a router advertisement.
import type { Namespace } from './namespace.ts';
import { type LabProcess, startProcess } from './process.ts';

/** The boot network of every lab; it exists in the lab's own namespace only. */
export const HEAD = {
  interface: 'br0',
  address: '10.54.0.1',
  cidr: '10.54.0.1/24',
  ipv6: 'fd54::1/64',
  prefix6: 'fd54::',
} as const;

/** What distinguishes one virtual node from another. */
export interface Port {
  mac: string;
  tap: string;
}

/** Returns the tap and the hardware address (QEMU's own prefix) of the node with this index. */
export function portOf(index: number): Port {
  const hex = (index + 1).toString(16).padStart(6, '0');
  return { mac: `52:54:00:${hex.match(/../g)?.join(':') ?? ''}`, tap: `tap${index}` };
}

/** Returns `ip -batch` lines that make the network. No spanning tree: a port that learns for 30 s loses the firmware's DHCP. */
export function networkPlan(nodes: number): string {
  const taps = Array.from({ length: nodes }, (_, index) => portOf(index).tap);
  return [
    'link set lo up',
    `link add ${HEAD.interface} type bridge forward_delay 0 stp_state 0`,
    `addr add ${HEAD.cidr} dev ${HEAD.interface}`,
    `link set ${HEAD.interface} up`,
    `addr add ${HEAD.ipv6} dev ${HEAD.interface} nodad`,
    ...taps.flatMap(tap => [
      `tuntap add dev ${tap} mode tap`,
      `link set ${tap} master ${HEAD.interface}`,
      `link set ${tap} up`,
    ]),
    '',
  ].join('\n');
}

export async function makeNetwork(namespace: Namespace, nodes: number): Promise<void> {
  await namespace.run(['ip', '-batch', '-'], networkPlan(nodes));
}

/**
 * Sends a router advertisement with a lifetime of 0: nobody gets a route, and iPXE, which waits for an advertisement at each
 * start, continues at once instead of after 16 s. This dnsmasq opens no DHCP, DNS or TFTP port.
 */
export async function startAdvertiser(namespace: Namespace, log: string): Promise<LabProcess> {
  const words = [
    '--no-daemon',
    '--conf-file=/dev/null',
    '--pid-file=',
    '--user=root',
    '--log-facility=-',
    '--port=0',
    `--interface=${HEAD.interface}`,
    '--bind-interfaces',
    '--leasefile-ro',
    '--enable-ra',
    `--ra-param=${HEAD.interface},0,0`,
    `--dhcp-range=${HEAD.prefix6},ra-only,64`,
  ];
  return await startProcess({
    name: 'router advertiser',
    command: namespace.command(['dnsmasq', ...words]),
    log,
  });
}

/** Limits a tap to a rate, so that a download lasts long enough to be disturbed; `undefined` removes the limit. */
export async function throttle(namespace: Namespace, tap: string, bytesPerSecond: number | undefined): Promise<void> {
  const words =
    bytesPerSecond === undefined
      ? ['qdisc', 'del', 'dev', tap, 'root']
      : [
          'qdisc',
          'replace',
          'dev',
          tap,
          'root',
          'tbf',
          'rate',
          `${bytesPerSecond * 8}bit`,
          'burst',
          '64kb',
          'latency',
          '400ms',
        ];
  await namespace.run(['tc', ...words]);
}
