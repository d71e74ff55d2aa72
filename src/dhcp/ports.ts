// What the DHCP server is given: the state that it reads, and whom it tells. Values alone.
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

/** A client that no node is known for. */
export interface UnknownClient {
  mac: string;
  /** What it says of itself: `x64 UEFI (7)`. */
  architecture: string;
  vendorClass: string | undefined;
  /** Whether it asks for an address, with DISCOVER. */
  discovers: boolean;
  /** The relay agent that passed the message on. */
  relay: string | undefined;
  /** The network that it asked from, by its name. */
  network: string;
  /** Milliseconds since the epoch. */
  at: number;
}

export interface DhcpOptions {
  /** Those at the head's interfaces are listened on. */
  networks: Networks;
  /** Read anew for each message. */
  config: Pick<Config, 'http.port' | 'dhcp.mode' | 'dhcp.leasequery' | 'dhcp.unknown_lease_seconds'>;
  directory: Directory;
  journey: JourneyLog;
  log: Log;
  /** Read anew for each message, by architecture. */
  loaders: Loaders;
  served?: Context['served'];
  spares?: SpareLoaders;
  takesLogs?: boolean;
  /** Which of several loaders a node gets. */
  chooseLoader?: (node: string, files: readonly string[]) => string | undefined;
  /** Told of each address given to a boot that is under way: only after it may the node have its script. */
  granted?: (grant: Grant) => void;
  /** Lends addresses to machines that are no nodes. `isOn` is asked for each message. */
  lending?: LendingPorts & { isOn: () => boolean };
  /** Of addresses found in use; one of the server's own when absent. */
  quarantine?: Quarantine;
  /** Told of each address given by an ACK, and for how many seconds. */
  leased?: (ip: string, seconds: number) => void;
  /** Told of each message of an unknown client, at any rate: the receiver bounds what it keeps. */
  seen?: (client: UnknownClient) => void;
  /** Is given where each message of a node comes from. */
  heard?: (sighting: { mac: string; machine: Buffer | undefined; network: string }) => void;
  /** Where failures to send are reported; nowhere when absent. */
  failures?: FailureLog;
  /** Where messages of nodes that are not answered are reported; nowhere when absent. */
  refusals?: RefusalLog;
  /** UDP ports; 67, 68 and 4011 when absent. */
  serverPort?: number;
  clientPort?: number;
  bootServerPort?: number;
  /** Wall time, for leases and what is shown: milliseconds since 1970. */
  now?: () => number;
  /** For rates and limits; never goes back. */
  monotonic?: () => number;
}
