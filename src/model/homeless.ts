// Nodes with an address in no network: after head.address changed, or a backup was restored on another head. They cannot boot.
import type { Networks } from '../networks.ts';
import { subnetHost } from '../wire/ip.ts';
import type { Value } from './kinds.ts';
import { foldNodeSet } from './nodeset.ts';

type Node = Pick<Value<'node'>, 'name' | 'ip'>;

export interface Homeless {
  /** How many. */
  count: number;
  /** Their names as a node set. */
  nodes: string;
}

/** Returns the nodes that have an address that is no host address of any network; undefined when there are none. */
export function homelessNodes(nodes: readonly Node[], networks: Networks): Homeless | undefined {
  const names = nodes.flatMap(({ name, ip }) => {
    const network = networks.of(ip);
    return ip === '' || (network && subnetHost(network.subnet, ip)) ? [] : [name];
  });
  return names.length > 0 ? { count: names.length, nodes: foldNodeSet(names) } : undefined;
}

/** A warning that musterd writes at its start. */
export function homelessWarning({ count, nodes }: Homeless, all: number): string {
  return `${count} of ${all} nodes have an address of no network, and cannot boot: ${nodes}; change their ip, head.address or [[networks]]`;
}
