// The state that the DHCP server reads, and whom it notifies. Values only.
import type { Directory } from '../boot/directory.ts';
import type { FailureLog, RefusalLog } from '../boot/evidence.ts';
import type { JourneyLog } from '../boot/journey.ts';
import type { Loaders, SpareLoaders } from '../boot/loaders.ts';
import type { Config } from '../config.ts';
import type { Log } from '../log.ts';
import type { Networks } from '../networks.ts';
import type { Context, Grant } from './answer.ts';
import type { LendingPorts } from './lending.ts';
import type { Quarantine } from './quarantine.ts';

/** A client that belongs to no node. */
export interface UnknownClient {
  mac: string;
  /** What it calls itself: `x64 UEFI (7)`. */
  architecture: string;
  vendorClass: string | undefined;
  /** Whether it asks for an address, with DISCOVER. */
  discovers: boolean;
  /** The relay agent that passed the message on. */
  relay: string | undefined;
  /** The name of the network that it asked from. */
  network: string;
  /** Milliseconds since the epoch. */
  at: number;
}

export interface DhcpOptions {
  /** The server listens on those with an interface of the head. */
  networks: Networks;
  /** Read again for each message. */
  config: Pick<Config, 'http.port' | 'dhcp.mode' | 'dhcp.leasequery' | 'dhcp.unknown_lease_seconds'>;
  directory: Directory;
  journey: JourneyLog;
  log: Log;
  /** Read again for each message, by architecture. */
  loaders: Loaders;
  served?: Context['served'];
  spares?: SpareLoaders;
  takesLogs?: boolean;
  /** Chooses among several loaders for a node. */
  chooseLoader?: (node: string, files: readonly string[]) => string | undefined;
  /** Receives each address given to a current boot: only then may the node have its script. */
  granted?: (grant: Grant) => void;
  /** Lends addresses to machines that are not nodes. `isOn` is called for each message. */
  lending?: LendingPorts & { isOn: () => boolean };
  /** Addresses found in use; the server makes one when absent. */
  quarantine?: Quarantine;
  /** Receives each address given by an ACK, and for how many seconds. */
  leased?: (ip: string, seconds: number) => void;
  /** Receives each message of an unknown client, at any rate: the receiver limits what it keeps. */
  seen?: (client: UnknownClient) => void;
  /** Is given where each message of a node comes from. */
  heard?: (sighting: { mac: string; machine: Buffer | undefined; network: string }) => void;
  /** Where failures to send are reported; nowhere when absent. */
  failures?: FailureLog;
  /** Where unanswered messages of nodes are reported; nowhere when absent. */
  refusals?: RefusalLog;
  /** UDP ports; 67, 68 and 4011 when absent. */
  serverPort?: number;
  clientPort?: number;
  bootServerPort?: number;
  /** Wall time, for leases and display: milliseconds since 1970. */
  now?: () => number;
  /** For rates and limits; never goes back. */
  monotonic?: () => number;
}
