// The file sets that come with muster, in templates/filesets/. An object of the same name replaces one.
import { own } from '../own.ts';

export const SHIPPED_SETS: Readonly<Record<string, string>> = {
  authorized_keys: 'ssh keys that may log in as root',
  chrony: 'the clock, from the heads or other servers',
  fstab: 'NFS and other mounts',
  hosts: '/etc/hosts with heads, nodes, and all their interfaces',
  known_hosts: 'the ssh host keys of the head and of all nodes with ssh_host_keys',
  motd: 'what users read when they log in',
  munge: 'the munge key of the cluster',
  network:
    'all interfaces of the node but the one by which it boots, for NetworkManager, systemd-networkd, ifupdown or ifcfg',
  resolv: '/etc/resolv.conf',
  slurm: 'slurm.conf and cgroup.conf, from all nodes and their hardware',
  ssh_host_keys: "the node's own ssh host keys, the same at every boot",
  sudoers: 'users and groups that may use sudo',
  systemd: 'units to enable, disable or mask',
  users: "users and groups of the head, or of a file, added to the image's",
};

/** Returns whether a set of this name comes with muster. */
export function isShipped(name: string): boolean {
  return own(SHIPPED_SETS, name) !== undefined;
}
