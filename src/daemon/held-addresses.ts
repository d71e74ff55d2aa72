// Addresses of the head itself, and nodes with an address that the configuration gives to another machine.
import { networkInterfaces } from 'node:os';
import { heldIps, holderWords } from '../model/addresses.ts';
import type { Cluster } from '../model/cluster.ts';
import type { Networks } from '../networks.ts';

/** How long the addresses of the head's interfaces are cached, in milliseconds: a plan for thousands of nodes asks for each. */
const REMEMBERED_MS = 2000;

/** Returns a function that lists the IPv4 addresses of every interface of the head, including those without a boot network. */
export function headAddresses(now: () => number): () => ReadonlySet<string> {
  let known: ReadonlySet<string> = new Set();
  let read = Number.NEGATIVE_INFINITY;
  return () => {
    if (Math.abs(now() - read) > REMEMBERED_MS) {
      read = now();
      known = new Set(Object.values(networkInterfaces()).flatMap(list => (list ?? []).map(({ address }) => address)));
    }
    return known;
  };
}

/** Returns a warning for each node with an address that the configuration gives to the head, a router or a relay agent. */
export function heldTwice(cluster: Pick<Cluster, 'all'>, networks: Networks): string[] {
  return cluster.all('node').flatMap(({ value }) =>
    heldIps(value).flatMap(held => {
      const holder = networks.holderOf(held.ip);
      const words = holderWords(value.name, held);
      return holder === undefined ? [] : [`${words} has ${held.ip}, which is ${holder}; give one of them another`];
    }),
  );
}
