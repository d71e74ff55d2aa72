// What the admin API needs of the daemon.
import type { Transfer } from '../api/boots.ts';
import type { Happening, Health, RunningConfig, ShownLease } from '../api/daemon.ts';
import type { KickstartFile } from '../api/kickstarts.ts';
import type { UnknownMachine } from '../api/nodes.ts';
import type { Firmware, RehearsedStage } from '../api/rehearsal.ts';
import type { VerifyLine } from '../api/storage.ts';
import type { Backup } from '../backup/write.ts';
import type { Collected } from '../blobs/garbage.ts';
import type { PlannedFiles } from '../boot/boot-plan.ts';
import type { Boots } from '../boot/boots.ts';
import type { KickstartValues } from '../boot/kickstart.ts';
import type { Statuses } from '../boot/status.ts';
import type { FilesSince } from '../files/files-since.ts';
import type { Releases } from '../files/releases.ts';
import type { Rendered } from '../files/rendered.ts';
import type { SetContent } from '../files/set-content.ts';
import type { TracedFile } from '../files/trace.ts';
import type { Log } from '../log.ts';
import type { ChangeContext, Plan } from '../model/changes.ts';
import type { Cluster, Entry } from '../model/cluster.ts';
import type { Networks } from '../networks.ts';
import type { Consoles } from '../power/consoles.ts';
import type { PowerControl } from '../power/control.ts';
import type { PoweredNode } from '../power/powered-node.ts';
import type { Refused } from '../refused.ts';
import type { NodeAddress, SshKey } from '../ssh/ssh.ts';
import type { Store } from '../store/store.ts';
import type { Commander } from './commander.ts';
import type { EvidenceAccess } from './evidence.ts';
import type { FilePorts } from './stored-files.ts';

export interface PowerAccess {
  control: PowerControl;
  consoles: Consoles;
  /** Throws `tool-missing` when the head has none. */
  key(): SshKey;
  execFanout: number;
  node(entry: Entry<'node'>): PoweredNode;
  address(entry: Entry<'node'>): Promise<NodeAddress>;
}

/** The booting machine: a node, or a hardware address that belongs to no node. */
export interface RehearsalQuestion {
  mac: string;
  /** Only for a node. */
  uid?: string;
  firmware: Firmware;
  /** The name of the network that the request comes from; default: the network of the node's address. */
  network?: string;
}

/** The files that file sets give to nodes. */
export interface NodeFilesAccess {
  /** Returns the public ssh host keys of a node, as the shipped set `ssh_host_keys` gives them: type and key. */
  hostKeys(uid: string): string[];
  /** Renders the files of a node for its next boot; none without file sets. */
  planned(cluster: Cluster, uid: string): Promise<{ files?: PlannedFiles } | Refused>;
  /** Returns one file with the origin of each line; undefined when no set has it. */
  trace(cluster: Cluster, node: Entry<'node'>, path: string): Promise<TracedFile | Refused | undefined>;
  /** Renders the files of a node with another content of a set; undefined without file sets. */
  tried(
    cluster: Cluster,
    node: Entry<'node'>,
    other: ReadonlyMap<string, SetContent>,
  ): Promise<Rendered | Refused | undefined>;
  /** Returns an index or a content by its digest, while it is kept. */
  content(sha256: string): Promise<Buffer | undefined>;
}

/** What the daemon would answer, with the decisions of its servers. */
export interface RehearsalAccess {
  run(cluster: Cluster, question: RehearsalQuestion): Promise<RehearsedStage[]>;
  /** The firmware of the node's last boot. */
  lastFirmware(uid: string): Firmware | undefined;
  /** The node that an unknown machine becomes with `accept_new_nodes`. */
  newcomer(cluster: Cluster, mac: string): Plan;
}

export interface AdminPorts extends FilePorts {
  cluster: Cluster;
  store: Store;
  commander: Commander;
  context: ChangeContext;
  networks: Networks;
  boots: Boots;
  statuses: Statuses;
  log: Log;
  power: PowerAccess;
  health(): Health;
  /** The configuration in use. */
  configuration(): RunningConfig;
  unknown(): UnknownMachine[];
  /** Addresses lent to machines that are not nodes. */
  leases(): ShownLease[];
  kickstarts: {
    /** The site's folder. */
    folder: string;
    /** The values of the placeholders for a node, in a preview. */
    values(node: string): KickstartValues;
    list(): Promise<KickstartFile[]>;
    /** The file, or `text` instead of it, filled in for a node and one of its sessions. */
    render(node: string, name: string, session: string, more: { text?: string }): Promise<string>;
  };
  /** The path of a loader, by the name that firmware requests. */
  loaderPath(file: string): string | undefined;
  nodeFiles: NodeFilesAccess;
  releases: Releases;
  filesSince: FilesSince;
  enrolment: {
    /** The line that enrols the installed system of a node; until when, in milliseconds since 1970. */
    line(uid: string, seconds: number): Promise<{ line: string; until: number }>;
  };
  /** What musterd would answer to a boot, without one. */
  rehearsal: RehearsalAccess;
  /** Image transfers, and the queue for them. */
  transfers(): Transfer[];
  /** Calls back for every event, until the returned function is called. */
  watch(listener: (happening: Happening) => void): () => void;
  /** What the head knows about boots besides their timelines; `why` works without it. */
  evidence?: EvidenceAccess;
  /** Removes blobs that nothing refers to; returns what was, or would be, removed, and what keeps the others. */
  collect(dryRun: boolean): Promise<Collected>;
  /** Reads every stored file and compares it with its digest. */
  verify(tell: (line: VerifyLine) => void, signal: AbortSignal): Promise<void>;
  /** Takes a snapshot of everything, and keeps the files it names until they are sent. */
  backup(): Promise<Backup>;
  /** Figures in the text format of Prometheus. */
  metrics(): Promise<string>;
}
