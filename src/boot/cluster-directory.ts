// The boot path's view of the cluster's objects: always the state of now.
import { effectiveAttributes, isTrue } from '../model/attributes.ts';
import type { Cluster, Entry } from '../model/cluster.ts';
import type { BootNode, Directory } from './directory.ts';

export function clusterDirectory(cluster: Cluster): Directory {
  return {
    nodeByMac: mac => asBootNode(cluster, cluster.nodeByMac(mac)),
    nodeByIp: ip => asBootNode(cluster, cluster.nodeByIp(ip)),
  };
}

function asBootNode(cluster: Cluster, entry: Entry<'node'> | undefined): BootNode | undefined {
  if (!entry) return undefined;
  const { name, mac, ip } = entry.value;
  const attributes = effectiveAttributes(cluster, entry.value);
  const noBoot = attributes.get('_no_boot');
  const ignore = noBoot && isTrue(noBoot.value) ? `_no_boot is set (${noBoot.source})` : undefined;
  return {
    uid: entry.uid,
    name,
    mac,
    ip,
    hostname: attributes.get('_hostname')?.value || name,
    ...(attributes.get('_boot_loader')?.value === 'grub' && { loader: 'grub' as const }),
    ...(ignore && { ignore }),
  };
}
