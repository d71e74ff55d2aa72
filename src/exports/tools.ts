// Inventories for tools: Ansible, genders(5), ClusterShell, Slurm, Prometheus.
import { stringify } from 'yaml';
import { append } from '../model/append.ts';
import { foldNodeSet } from '../model/nodeset.ts';
import { type ExportedNode, type ExportFacts, membersOf } from './facts.ts';

/** A static inventory of Ansible, as YAML. Group names have letters, digits and underscores there. */
export function ansible({ nodes }: ExportFacts): string {
  const hosts = Object.fromEntries(nodes.map(node => [node.name, variables(node)]));
  const children = Object.fromEntries(
    Array.from(membersOf(nodes), ([group, members]) => [
      group.replace(/[^A-Za-z0-9_]/g, '_').replace(/^(?=\d)/, '_'),
      { hosts: Object.fromEntries(members.map(name => [name, {}])) },
    ]),
  );
  return stringify({ all: { hosts, children } });
}

function variables({ ip, mac, state, attributes }: ExportedNode): Record<string, unknown> {
  return { ansible_host: ip, muster_mac: mac, muster_state: state, muster_attributes: attributes };
}

/** genders(5): a line for each node with its groups and attributes. A value cannot have a comma, a blank, a quote or `#`, so these become `_`; `%` begins an escape, so it is doubled. */
export function genders({ nodes }: ExportFacts): string {
  const value = (text: string): string => text.replace(/[,\s#"]/g, '_').replaceAll('%', '%%');
  return nodes
    .map(({ name, groups, attributes, ip }) => {
      const words = [
        ...groups,
        `ip=${ip}`,
        ...Object.entries(attributes)
          .filter(([key, held]) => !key.startsWith('_') && held !== '' && !groups.includes(key) && key !== 'ip')
          .map(([key, held]) => `${key}=${value(held)}`),
      ];
      return `${name} ${words.join(',')}\n`;
    })
    .join('');
}

/** A group file of ClusterShell: a node set for each group, and for all. */
export function clustershell({ nodes }: ExportFacts): string {
  const groups = new Map([['all', nodes.map(({ name }) => name)], ...membersOf(nodes)]);
  return Array.from(groups, ([group, members]) => `${group}: ${foldNodeSet(members)}\n`).join('');
}

/** slurm.conf(5): a NodeName line for all nodes with equal hardware, which is known once a node has booted. */
export function slurm({ nodes }: ExportFacts): string {
  const lines = new Map<string, string[]>();
  for (const node of nodes) append(lines, shapeOf(node), node.name);
  return Array.from(lines, ([shape, names]) => `NodeName=${foldNodeSet(names)}${shape}\n`).join('');
}

/** slurmd rounds the memory down to MiB, and drains a node that has less than configured. */
function shapeOf({ hardware }: ExportedNode): string {
  const words = [
    ['Boards', hardware['boards']],
    ['Sockets', hardware['sockets']],
    ['CoresPerSocket', hardware['cores_per_socket']],
    ['ThreadsPerCore', hardware['threads_per_core']],
  ].filter(([, value]) => value !== undefined);
  const cpus = words.length === 0 && hardware['cpus'] !== undefined ? ` CPUs=${hardware['cpus']}` : '';
  const memory = Number(hardware['memory_kb']);
  return `${cpus}${words.map(([name, value]) => ` ${name}=${value}`).join('')}${memory > 0 ? ` RealMemory=${Math.floor(memory / 1024)}` : ''} State=UNKNOWN`;
}

/** File-based service discovery of Prometheus: a target for each node, with its groups as labels. */
export function prometheus({ nodes, cluster, port }: ExportFacts): string {
  const targets = nodes.map(({ name, ip, groups, state }) => ({
    targets: [`${ip}:${port}`],
    labels: { node: name, state, groups: groups.join(','), ...(cluster && { cluster }) },
  }));
  return `${JSON.stringify(targets, null, 2)}\n`;
}
