// What exports are made of: the nodes as other programs want to know them.
import { append } from '../model/append.ts';

export interface ExportedInterface {
  name: string;
  /** Whether the node boots from it: its addresses get the node's own name. */
  boot: boolean;
  mac: string;
  addresses: readonly string[];
}

export interface ExportedNode {
  name: string;
  /** Its host name, which may have a domain. */
  hostname: string;
  ip: string;
  mac: string;
  state: string;
  /** Names, in order. */
  groups: readonly string[];
  /** The effective ones, without secret ones. */
  attributes: Readonly<Record<string, string>>;
  interfaces: readonly ExportedInterface[];
  /** Facts of the hardware from its last boot, such as `cpus` and `memory_kb`. */
  hardware: Readonly<Record<string, string>>;
  /** Its public ssh host keys: type and key. */
  hostKeys: readonly string[];
}

export interface ExportFacts {
  /** The DNS domain of the boot network; may be empty. */
  domain: string;
  cluster: string;
  /** The head that answers. */
  head: { name: string; address: string };
  nodes: readonly ExportedNode[];
  /** Milliseconds since 1970. */
  now: number;
  /** Whole number, for a format with ports. */
  port: number;
}

/** Returns all names of a machine on its boot network: with the domain first. */
export function namesOf(hostname: string, name: string, domain: string): string[] {
  const full = hostname.includes('.') || domain === '' ? hostname : `${hostname}.${domain}`;
  return [...new Set([full, hostname.split('.')[0] ?? '', name])].filter(text => text !== '');
}

/** Returns each address of a node with its names: the node's own on the boot interface, `n0-ib0` on others. */
export function addressesOf(node: ExportedNode, domain: string): { address: string; names: string[] }[] {
  const own = namesOf(node.hostname, node.name, domain);
  const short = node.hostname.split('.')[0] ?? node.name;
  return node.interfaces.flatMap(({ name, boot, addresses }) => {
    const names = boot ? own : namesOf(`${short}-${name}`, `${node.name}-${name}`, domain);
    return addresses.map(address => ({ address, names }));
  });
}

/** Returns the members of each group, by the group's name. */
export function membersOf(nodes: readonly ExportedNode[]): Map<string, string[]> {
  const members = new Map<string, string[]>();
  for (const { name, groups } of nodes) for (const group of groups) append(members, group, name);
  return members;
}
