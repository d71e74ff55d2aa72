// What a plan of changes is, and what deciding one needs. Types only.
import type { Networks } from '../networks.ts';
import type { Subnet } from '../wire/ip.ts';
import type { Surroundings } from './addresses.ts';
import type { Cluster } from './cluster.ts';
import type { Kind, Value } from './kinds.ts';

/**
 * The new state of one object; null deletes it, and needs the name for the audit trail. `expected` is the revision that was read, 0
 * for a new object.
 */
export type Change = { kind: Kind; uid: string; expected: number } & ({ value: Value } | { value: null; name: string });

export interface Plan {
  changes: Change[];
  /** The objects the command named, in order. */
  uids: string[];
}

export interface ChangeContext extends Surroundings {
  cluster: Cluster;
  /** The boot network, for addresses of new nodes. */
  network: Subnet;
  /** Every network that a node may have its address in; the boot network alone when absent. */
  networks?: Networks | undefined;
  newUid(): string;
}
