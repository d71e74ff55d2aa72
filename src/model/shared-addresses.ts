// No two machines get one address: a plan's changes are checked against each other, the objects, and other machines.
import { MusterError } from '../errors.ts';
import {
  type HeldIp,
  heldIps,
  heldMacs,
  holderWords,
  interfaceMacs,
  type Surroundings,
  type Unavailable,
  unavailable,
} from './addresses.ts';
import { append } from './append.ts';
import type { Change } from './change.ts';
import type { Cluster } from './cluster.ts';
import { refuseInheritedClashes } from './inherited-addresses.ts';
import type { Value } from './kinds.ts';

/** An address that a plan gives to a node, or leaves with it. */
interface Claim {
  address: string;
  /** A node and its controller are two machines. */
  machine: string;
  words: string;
  isNew: boolean;
  /** The node lost a hardware address. */
  isOtherMachine: boolean;
  /** The claim as the subject of a sentence. */
  subject: string;
  macs: ReadonlySet<string>;
}

/** Throws `duplicate` when a plan gives a node an address that another machine has. Clashes from before are tolerated. */
export function refuseSharedAddresses(cluster: Cluster, changes: readonly Change[], around: Surroundings): void {
  const nodes = changes.flatMap(({ kind, uid, value }) =>
    kind === 'node' && value ? [{ uid, node: value as Value<'node'>, before: cluster.get('node', uid)?.value }] : [],
  );
  const touched = new Set(changes.map(({ uid }) => uid));
  const macs = nodes.flatMap(({ uid, node, before }) => macClaims(uid, node, before));
  refuseClash(macs, mac =>
    [cluster.nodeByMac(mac), cluster.nodeByOtherMac(mac)?.entry, cluster.nodeByInterfaceMac(mac)]
      .flatMap(entry => (entry && !touched.has(entry.uid) ? [entry.value.name] : []))
      .at(0),
  );
  const ips = nodes.flatMap(({ uid, node, before }) => ipClaims(uid, node, before));
  refuseClash(ips, ip =>
    cluster
      .holdersOf(ip)
      .flatMap(({ entry, name }) => (touched.has(entry.uid) ? [] : [holderWords(entry.value.name, { name })]))
      .at(0),
  );
  for (const { address, subject, isNew, isOtherMachine, macs: own } of ips) {
    // A replaced machine keeps the node's address; if the old machine still leases it, two would hold it.
    const scope = isNew ? around : isOtherMachine ? { usedBy: around.usedBy } : undefined;
    // The networks of the configuration are of IPv4
    const refused = scope && !address.includes(':') ? unavailable(address, own, scope) : undefined;
    if (refused) throw refusal(subject, refused.reason, refused.code);
  }
  refuseInheritedClashes(cluster, changes, around);
}

/** @param ownerOf names a holder among the objects outside the plan */
function refuseClash(claims: readonly Claim[], ownerOf: (address: string) => string | undefined): void {
  const seen = new Map<string, Claim[]>();
  const kept = new Map<string, Claim[]>();
  for (const claim of claims) if (!claim.isNew) append(kept, claim.address, claim);
  for (const claim of claims) {
    const rivals = [...(seen.get(claim.address) ?? []), ...(kept.get(claim.address) ?? [])];
    append(seen, claim.address, claim);
    if (!claim.isNew) continue;
    const rival = rivals.find(other => other.machine !== claim.machine);
    const owner = rival?.words ?? ownerOf(claim.address);
    if (owner !== undefined) throw refusal(claim.subject, `is that of ${owner} already`);
  }
}

function macClaims(uid: string, node: Value<'node'>, before: Value<'node'> | undefined): Claim[] {
  const had = before ? allMacs(before) : new Set<string>();
  const macs = allMacs(node);
  return Array.from(macs, address => ({
    address,
    machine: uid,
    words: node.name,
    isNew: !had.has(address),
    isOtherMachine: false,
    subject: `${node.name}: the hardware address ${address}`,
    macs,
  }));
}

function allMacs(node: Value<'node'>): Set<string> {
  return new Set([...heldMacs(node), ...interfaceMacs(node)]);
}

function ipClaims(uid: string, node: Value<'node'>, before: Value<'node'> | undefined): Claim[] {
  const machineOf = ({ name }: HeldIp): string => (name === 'bmc' ? `${uid} bmc` : uid);
  const had = new Set(before && heldIps(before).map(held => `${held.ip} ${machineOf(held)}`));
  const macs = heldMacs(node);
  const isOtherMachine = before !== undefined && [...heldMacs(before)].some(mac => !macs.has(mac));
  return heldIps(node).map(held => ({
    address: held.ip,
    machine: machineOf(held),
    words: holderWords(node.name, held),
    isNew: !had.has(`${held.ip} ${machineOf(held)}`),
    isOtherMachine,
    subject: `${node.name}: ${ipSubject(held)}`,
    macs,
  }));
}

function ipSubject({ ip, name }: HeldIp): string {
  if (name === '') return `IP ${ip}`;
  return name === 'bmc' ? `the controller's address ${ip}` : `the address ${ip} of ${name}`;
}

function refusal(subject: string, reason: string, code: Unavailable['code'] = 'duplicate'): MusterError {
  return new MusterError(code, `${subject} ${reason}; nothing was changed.`);
}
