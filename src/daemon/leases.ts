// Addresses lent to machines that are not nodes: loaded, and made durable before the machine receives them.
import type { ShownLease } from '../api/daemon.ts';
import type { UnknownMachine } from '../api/nodes.ts';
import type { Directory } from '../boot/directory.ts';
import { ClockSteps } from '../clock.ts';
import { type Lease, Leases } from '../dhcp/leases.ts';
import type { LendingPorts } from '../dhcp/lending.ts';
import { AddressProbe } from '../dhcp/probe.ts';
import { Quarantine } from '../dhcp/quarantine.ts';
import { reasonOf } from '../errors.ts';
import { heldIps, holderWords } from '../model/addresses.ts';
import type { Cluster } from '../model/cluster.ts';
import type { Networks } from '../networks.ts';
import { ipToNumber } from '../wire/ip.ts';
import { headAddresses, heldTwice } from './held-addresses.ts';
import type { State, Stops } from './state.ts';
import type { UnknownMachines } from './unknown-machines.ts';

export interface Lent {
  leases: Leases;
  quarantine: Quarantine;
  lending: LendingPorts & { isOn: () => boolean };
}

export async function openLeases(
  { config, store, cluster, networks, context, log, now }: State,
  stops: Stops,
): Promise<Lent> {
  for (const text of [...nodesInRanges(cluster, networks), ...heldTwice(cluster, networks)]) log.warn(text);
  const ownAddresses = headAddresses(now);
  const quarantine = new Quarantine();
  const rules = {
    now,
    isTaken: (ip: string) => cluster.hasIp(ip) || networks.holderOf(ip) !== undefined || ownAddresses().has(ip),
    isQuarantined: (ip: string) => quarantine.secondsLeft(ip) > 0,
  };
  const stored = await store.loadLeases();
  const leases = new Leases(
    rules,
    stored.map(({ body }) => JSON.parse(body) as Lease),
  );
  context.usedBy = (ip, macs) => {
    const mac = leases.holderOf(ip);
    if (mac !== undefined && !macs.has(mac)) return `lent to ${mac}`;
    return ownAddresses().has(ip) ? "one of the head's own" : undefined;
  };
  const probe = new AddressProbe();
  const save = async (changed: readonly Lease[]): Promise<void> =>
    store.saveLeases(changed.map(lease => ({ ip: lease.ip, body: JSON.stringify(lease) })));
  const steps = new ClockSteps(now);
  const timer = setInterval(() => {
    if (steps.look() === 0) return;
    save(leases.clockWasSet()).catch(error =>
      log.error({ error: reasonOf(error) }, 'leases could not be saved after the clock was set'),
    );
  }, CLOCK_LOOK_MS);
  stops.push(async () => clearInterval(timer));
  return {
    leases,
    quarantine,
    lending: {
      leases,
      save,
      ...(config['dhcp.probe'] && { probe: async (ip: string, from: string) => probe.user(ip, from) }),
      // Where unknown machines become nodes, they wait for their own address
      isOn: () => networks.hasRange && cluster.settings?.accept_new_nodes !== true,
    },
  };
}

/** How often the wall clock is compared with the monotonic one, in milliseconds. */
const CLOCK_LOOK_MS = 5000;

/** Nodes named in one warning. */
const NAMED = 5;

/** Returns a warning for each range that overlaps addresses of nodes: those are not lent, and do not count as free. */
export function nodesInRanges(cluster: Pick<Cluster, 'all'>, networks: Networks): string[] {
  if (!networks.hasRange) return [];
  const found = new Map<string, string[]>();
  for (const { value } of cluster.all('node')) {
    for (const held of heldIps(value)) {
      const network = networks.ofRange(held.ip);
      const words = `${holderWords(value.name, held)} (${held.ip})`;
      if (network) found.set(network.name, [...(found.get(network.name) ?? []), words]);
    }
  }
  return Array.from(found, ([network, nodes]) => {
    const more = nodes.length > NAMED ? ` and ${nodes.length - NAMED} more` : '';
    return `the range for unknown machines of the network ${network} holds addresses of nodes, which are not lent: ${nodes.slice(0, NAMED).join(', ')}${more}; move the range, or the nodes`;
  });
}

/** Returns the leases in the order of address. */
export function shownLeases({ leases, quarantine }: Lent, directory: Directory): ShownLease[] {
  return leases
    .all()
    .map((lease): ShownLease => {
      const node = directory.nodeByMac(lease.mac)?.name;
      const seconds = quarantine.secondsLeft(lease.ip);
      const state = seconds > 0 ? 'declined' : leases.isLiving(lease) ? 'active' : 'expired';
      return { ...lease, state, ...(node !== undefined && { node }) };
    })
    .sort((left, right) => ipToNumber(left.ip) - ipToNumber(right.ip));
}

/** Returns the machines that asked and are not nodes, each with its address. */
export function unknownMachines(unknown: UnknownMachines, { leases }: Lent, directory: Directory): UnknownMachine[] {
  return unknown
    .list(mac => directory.nodeByMac(mac) !== undefined)
    .map(machine => {
      const lease = leases.of(machine.mac);
      return lease && leases.isLiving(lease) ? { ...machine, ip: lease.ip } : machine;
    });
}
