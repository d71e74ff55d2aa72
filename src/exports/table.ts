// The table of exports: what each format is for, and the function that writes it.
import type { ExportFacts } from './facts.ts';
import { dnsmasq, hosts, knownHosts, sshConfig, zone } from './names.ts';
import { ansible, clustershell, genders, prometheus, slurm } from './tools.ts';

interface Format {
  meaning: string;
  /** Where it usually goes. */
  place: string;
  write(facts: ExportFacts): string;
}

export const EXPORTS = {
  hosts: { meaning: 'names and addresses, for /etc/hosts', place: '/etc/hosts', write: hosts },
  known_hosts: { meaning: 'public ssh host keys', place: '/etc/ssh/ssh_known_hosts', write: knownHosts },
  ssh_config: { meaning: 'addresses of nodes for ssh', place: '~/.ssh/config', write: sshConfig },
  dnsmasq: { meaning: 'leases and names for dnsmasq', place: '/etc/dnsmasq.d/muster.conf', write: dnsmasq },
  zone: { meaning: 'a DNS zone (RFC 1035)', place: 'a zone file of BIND or NSD', write: zone },
  ansible: { meaning: 'an inventory of Ansible, as YAML', place: 'inventory.yml', write: ansible },
  genders: { meaning: 'groups and attributes for pdsh', place: '/etc/genders', write: genders },
  clustershell: {
    meaning: 'groups of ClusterShell',
    place: '/etc/clustershell/groups.d/muster.cfg',
    write: clustershell,
  },
  slurm: { meaning: 'NodeName lines', place: '/etc/slurm/slurm.conf', write: slurm },
  'prometheus-sd': { meaning: 'targets for Prometheus', place: 'a file of file_sd_configs', write: prometheus },
} as const satisfies Record<string, Format>;

export type ExportFormat = keyof typeof EXPORTS;
export const EXPORT_FORMATS = Object.keys(EXPORTS) as ExportFormat[];
