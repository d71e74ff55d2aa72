// The ways between a head and thousands of simulated nodes that are one process.
import type { Pair } from '../bench/pair.ts';

/** Every node's address is the other end's own, and one neighbour has them all: a table of neighbours ends at 1,024 entries. */
export async function layRoutes(pair: Pair): Promise<void> {
  for (const part of ['10.54.10.0/23', '10.54.12.0/22', '10.54.16.0/20', '10.54.32.0/19']) {
    await pair.ip(pair.nodes, `route add local ${part} dev lo`);
    await pair.ip(pair.head, `route add ${part} via 10.54.250.1`);
  }
}
