// The inputs and answers of the DHCP server's decisions: values only, shared by the decisions and the loop.
import type { Directory } from '../boot/directory.ts';
import type { StageNote } from '../boot/journey.ts';
import type { Loaders, SpareLoaders } from '../boot/loaders.ts';
import type { Config } from '../config.ts';
import type { BootNetwork, Networks } from '../networks.ts';
import type { Refused } from '../refused.ts';
import type { Lease, Leases } from './leases.ts';
import type { Packet } from './packet.ts';
import type { Destination } from './reply.ts';

/** What the decision knows besides the message; read again for each one, so that a change takes effect at once. */
export interface Context {
  networks: Networks;
  config: Pick<Config, 'http.port'>;
  directory: Directory;
  loaders: Loaders;
  /** Every file that firmware may fetch, by its name. */
  served?: Pick<ReadonlyMap<string, unknown>, 'has'> | undefined;
  /** Whether the head takes syslog messages on port 514. */
  takesLogs?: boolean | undefined;
  /** Loaders for nodes that failed with theirs, and the choice between them. */
  spares?: SpareLoaders | undefined;
  chooseLoader?: ((node: string, files: readonly string[]) => string | undefined) | undefined;
  /** Seconds for which an address is not offered, because a client found it in use; 0 when it may be. */
  quarantined: (ip: string) => number;
  /** Addresses for machines that are not nodes; none without ranges. */
  leases?: Leases | undefined;
  /** Seconds of a lease. */
  unknownLeaseSeconds?: number | undefined;
  /** Milliseconds since 1970; only leases need it. */
  now?: () => number;
}

/** Where a message came in. */
export interface Arrival {
  /** The network of the interface, or of the head's address that it was sent to. */
  network: BootNetwork;
  /** Whether it was sent to everyone on the wire. */
  broadcast: boolean;
  /** The address that a message to the head itself came from. */
  peer?: string;
}

/** An address given to a boot that is under way. */
export interface Grant {
  /** The node's UID. */
  node: string;
  mac: string;
  kind: 'firmware' | 'ipxe';
}

export type Level = 'debug' | 'info' | 'warn';

/** A message is answered, or accepted without answer (`accepted`), or refused with its reason. */
export type Answer =
  | {
      reply: Packet;
      destination: Destination;
      /** The head's address that it is sent from. */
      from: string;
      text: string;
      level: Level;
      note?: StageNote;
      grant?: Grant;
      /** For a machine that is not a node: what must be done before the reply is sent. */
      loan?: Loan;
      unknown?: boolean;
    }
  /** `inUse` is an address that another machine uses. */
  | { accepted: string; level: Level; note?: StageNote; inUse?: string; loan?: Loan; unknown?: boolean }
  | (Refused & { level: Level; note?: StageNote; unknown?: boolean });

/** What must be done for a machine that is not a node before its reply goes out. */
export type Loan =
  /** Keep the address for the machine; `probe`: test it first, since it may be in use. */
  | { do: 'offer'; mac: string; ip: string; network: BootNetwork; probe: boolean }
  /** Make the lease durable before the reply is sent. */
  | { do: 'lend'; lease: Lease }
  /** Return the lease: durable soon. */
  | { do: 'return'; lease: Lease }
  /** Forget the offer: it was not accepted. */
  | { do: 'forget'; mac: string };
