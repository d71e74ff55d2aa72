// The boot path's view of the cluster's objects: always current.
import { effectiveAttributes, isTrue } from '../model/attributes.ts';
import type { Cluster, Entry } from '../model/cluster.ts';
import { readDhcpOptions } from '../model/dhcp-options.ts';
import { type BootNode, type Directory, OTHER_LOADERS } from './directory.ts';

export function clusterDirectory(cluster: Cluster): Directory {
  // Called several times for each packet of a storm: results are kept until something changes.
  const known = new Map<string, BootNode>();
  let sequence = cluster.sequence;
  const nodeOf = (entry: Entry<'node'> | undefined): BootNode | undefined => {
    if (!entry) return undefined;
    if (sequence !== cluster.sequence) {
      known.clear();
      sequence = cluster.sequence;
    }
    const found = known.get(entry.uid) ?? asBootNode(cluster, entry);
    known.set(entry.uid, found);
    return found;
  };
  return {
    nodeByMac(mac) {
      const primary = nodeOf(cluster.nodeByMac(mac));
      if (primary) return primary;
      const other = cluster.nodeByOtherMac(mac);
      const node = other && nodeOf(other.entry);
      if (!other || !node) return undefined;
      return other.controller === undefined ? node : controllerOf(node, mac, other.controller);
    },
    nodeByIp: ip => nodeOf(cluster.nodeByIp(ip)),
  };
}

/** `_no_boot` concerns the node's own DHCP: its controller is served anyway. */
function controllerOf({ uid, name, hostname }: BootNode, mac: string, ip: string): BootNode {
  return { uid, name: `${name}'s BMC`, mac, ip, hostname: `${hostname.split('.')[0]}-bmc`, controller: true };
}

function asBootNode(cluster: Cluster, entry: Entry<'node'>): BootNode {
  const { name, mac, ip } = entry.value;
  const attributes = effectiveAttributes(cluster, entry.value);
  const noBoot = attributes.get('_no_boot');
  const ignore = noBoot && isTrue(noBoot.value) ? `_no_boot is set (${noBoot.source})` : undefined;
  const loader = OTHER_LOADERS.find(name => name === attributes.get('_boot_loader')?.value);
  const options = readDhcpOptions(attributes.get('_dhcp_options')?.value ?? '');
  return {
    uid: entry.uid,
    name,
    mac,
    ip,
    hostname: attributes.get('_hostname')?.value || name,
    ...(loader && { loader }),
    ...(typeof options !== 'string' && options.size > 0 && { options }),
    ...(ignore && { ignore }),
  };
}
