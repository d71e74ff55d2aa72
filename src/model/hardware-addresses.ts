// Which hardware addresses a node answers to beside its own, and that no two nodes answer to the same one.
import { MusterError } from '../errors.ts';
import { parseMac } from '../wire/mac.ts';
import type { Change } from './changes.ts';
import type { Cluster } from './cluster.ts';
import type { Value } from './kinds.ts';

/** By the node's own attributes only: an address of a group would belong to many. The value is the controller's IP, if it is one. */
export function otherMacs(attributes: Readonly<Record<string, string>>): Map<string, string | undefined> {
  const found = new Map<string, string | undefined>();
  for (const text of (attributes['_altmacs'] ?? '').split(',')) {
    const mac = parseMac(text);
    if (mac) found.set(mac, undefined);
  }
  const mac = parseMac(named(attributes['_macs'], 'bmc'));
  const ip = named(attributes['_ips'], 'bmc');
  if (mac && ip !== '') found.set(mac, ip);
  return found;
}

/** The value of `name=` in a list `bmc=…,ib0=…`. */
function named(list: string | undefined, name: string): string {
  const pair = (list ?? '').split(',').find(part => part.trim().startsWith(`${name}=`));
  return pair?.trim().slice(name.length + 1) ?? '';
}

/** A plan's changes, unless they give two nodes the same address. What was so before is not this command's doing. */
export function withoutSharedAddresses(cluster: Cluster, changes: readonly Change[]): void {
  const touched = new Set(changes.map(({ uid }) => uid));
  const taken = new Map<string, string>();
  for (const { kind, uid, value } of changes) {
    if (kind !== 'node' || !value) continue;
    const { name, mac, attributes } = value as Value<'node'>;
    const before = cluster.get('node', uid)?.value;
    const had = new Set(before ? [before.mac, ...otherMacs(before.attributes).keys()] : []);
    for (const address of new Set([mac, ...otherMacs(attributes).keys()])) {
      const other = taken.get(address) ?? ownerOf(cluster, address, touched);
      if (other !== undefined && !had.has(address)) throw shared(name, address, other);
      taken.set(address, name);
    }
    const [ip] = [...otherMacs(attributes).values()].filter(item => item !== undefined);
    const old = before && [...otherMacs(before.attributes).values()];
    if (ip !== undefined && !old?.includes(ip)) refuseTakenIp(cluster, { uid, name, ip });
  }
}

/** A node beside those of the plan that has the address. */
function ownerOf(cluster: Cluster, mac: string, touched: ReadonlySet<string>): string | undefined {
  const owners = [cluster.nodeByMac(mac), cluster.nodeByOtherMac(mac)?.entry];
  return owners.find(entry => entry && !touched.has(entry.uid))?.value.name;
}

function refuseTakenIp(cluster: Cluster, { uid, name, ip }: { uid: string; name: string; ip: string }): void {
  const node = cluster.nodeByIp(ip);
  const controller = cluster
    .all('node')
    .find(entry => entry.uid !== uid && [...otherMacs(entry.value.attributes).values()].includes(ip));
  const owner = node ? node.value.name : controller && `the controller of ${controller.value.name}`;
  if (owner !== undefined)
    throw new MusterError(
      'duplicate',
      `${name}: the controller's address ${ip} is that of ${owner}; nothing was changed.`,
    );
}

function shared(name: string, mac: string, other: string): MusterError {
  const whose = other === name ? 'is named twice' : `is that of ${other} already`;
  return new MusterError('duplicate', `${name}: the hardware address ${mac} ${whose}; nothing was changed.`);
}
