// What the command line and the daemon say to each other: the shapes of questions and answers below /api/v1.

import type { Collected, StoredBlob } from '../blobs/garbage.ts';
import type { BootEvent } from '../boot/boot.ts';
import type { BootPlan } from '../boot/boot-plan.ts';
import type { Quirk } from '../boot/quirks.ts';
import type { NodeState } from '../boot/states.ts';
import type { NodeStatus } from '../boot/status.ts';
import type { Timeline } from '../boot/timeline.ts';
import type { Why } from '../boot/why-verdict.ts';
import type { Config } from '../config.ts';
import type { Inherited } from '../model/attributes.ts';
import type { Kind } from '../model/kinds.ts';
import type { PowerResult } from '../power/result.ts';
import type { ExecNews } from '../ssh/exec.ts';
import type { AuditLine } from '../store/store.ts';

export * from './contract-board.ts';
export * from './contract-rehearsal.ts';

/** Every answer: `{"success": true, "data": …}` or `{"success": false, "reason": "…", "code": "…"}`. */
export type Reply<T> = { success: true; data: T } | { success: false; reason: string; code: string; hint?: string };

/** An object as it is shown: its fields, references as names. */
export interface Shown {
  uid: string;
  revision: number;
  created: number;
  modified: number;
  name: string;
  [field: string]: unknown;
}

/** The entity tag of an object's revision, for `If-Match`. The UID is in it: a new object of the same name begins at 1 again. */
export function revisionTag(object: { uid: string; revision: number }): string {
  return `"${object.uid}.${object.revision}"`;
}

/** What one object lost and gained, field by field. */
export interface Difference {
  kind: Kind;
  uid: string;
  name: string;
  action: 'created' | 'changed' | 'deleted';
  fields: Record<string, { before: unknown; after: unknown }>;
}

export interface Changed {
  uids: string[];
  differences: Difference[];
  /** What a forced deletion broke. */
  broken: string[];
  dryRun: boolean;
}

export interface ShownStatus extends NodeStatus {
  uid: string;
  name: string;
}

/** A row of `muster node ls`. */
export interface NodeOverview {
  uid: string;
  name: string;
  state: NodeState;
  reason?: string;
  /** When the state began, in milliseconds since 1970. */
  since?: number;
  ip: string;
  image?: string;
  boot_config?: string;
}

export interface ShownTimelines {
  uid: string;
  name: string;
  mac: string;
  ip: string;
  state: NodeState;
  /** The newest last. */
  boots: Timeline[];
}

export interface Explained {
  uid: string;
  name: string;
  attributes: Record<string, Inherited>;
  plan?: BootPlan;
  refusal?: string;
  /** What the node would do now, in sentences. */
  words: string[];
}

/** Why a node is not up, or that it is. */
export interface ShownWhy extends Why {
  uid: string;
  name: string;
  state: NodeState;
}

/** The nodes of a `waitfor`, and whether all of them came to the state in time. */
export interface Waited {
  reached: boolean;
  nodes: ShownStatus[];
  /** Nodes that were deleted meanwhile: the waiting ended with the first. */
  deleted?: string[];
}

export interface WhoAmI {
  /** By the caller's own word: whoever may open the socket is trusted with it. */
  user: string;
  version: string;
  head: string;
}

/** A field as `/nodes/meta` tells it. */
export interface FieldDescription {
  name: string;
  meaning: string;
  required: boolean;
  read_only: boolean;
  file: boolean;
  refers?: Kind;
}

/** One line of `/api/v1/events`. */
export type Happening =
  | { type: 'change'; at: number; sequence: number; who: string; what: string; names: string[] }
  | { type: 'boot'; at: number; node: string; boot: string; event: BootEvent }
  | { type: 'state'; at: number; node: string; state: NodeState }
  | { type: 'power'; at: number; node: string; text: string; error?: boolean };

/** How a stream of lines ends: in good order, or with the reason why not. */
export type EndLine = { type: 'end' } | { type: 'error'; code: string; reason: string };

/** One line of the answer to a verification: how far it is, in bytes, or a stored file that is damaged. */
export type VerifyLine =
  | { type: 'progress'; done: number; total: number }
  | { type: 'damaged'; sha256: string; size: number; problem: string; keptBy: string[] };

/** One line of the answer to a power request; the nodes that have a result are done. */
export type PowerLine = ({ type: 'result' } & PowerResult) | { type: 'progress'; name: string; text: string };

/** One line of the answer to an exec request. */
export type ExecLine = ExecNews;

export interface ShownDriver {
  scheme: string;
  /** How its URI is written. */
  form: string;
  /** Of a site's own. */
  file?: string;
  /** Why it cannot be used. */
  problem?: string;
}

/** How the head reaches a node by ssh. */
export interface SshWay {
  name: string;
  ip: string;
  /** The head's private key, which only the daemon's user reads. */
  key: string;
  known_hosts?: string;
}

export interface UploadState {
  id: string;
  size: number;
  offset: number;
  /** When whole. */
  sha256?: string;
}

/** What musterd runs on. */
export interface RunningConfig {
  /** The absolute path of its file; null for the defaults. */
  file: string | null;
  /** Each key with its value in use. */
  values: Config;
}

export interface Health {
  version: string;
  name: string;
  pid: number;
  uptime: number;
  /** Bytes. */
  memory: number;
  address: string;
  http_port: number;
  sequence: number;
  /** Nodes that have an address; and those of them that have it in a network at one of the head's own interfaces. */
  nodes?: {
    addressed: number;
    attached: number;
    /** Those whose address is of no network: how many, and their names as a node set. */
    homeless?: { count: number; nodes: string };
  };
  /** What DHCP hears of the broadcasts of each interface: its own alone, those of all interfaces, or none; absent when it is off. */
  dhcp?: { interface: string; hears: 'its own' | 'all' | 'nothing'; reason?: string }[];
  /** TFTP transfers: now, and since the start; bytes that were delivered, and bytes of files in memory. */
  tftp?: {
    active: number;
    finished: number;
    failed: number;
    refused: number;
    ignored: number;
    bytes: number;
    cachedBytes: number;
  };
}

/** A file of answers for an installer, as the head found it. */
export interface KickstartFile {
  name: string;
  path: string;
  /** Bytes. */
  size: number;
  /** Whether it came with muster and is not the site's own. */
  shipped: boolean;
  /** Whether other users of the head can read it: password hashes should not be. */
  readable: boolean;
}

export interface ShownKickstart extends KickstartFile {
  /** Names of the boot configs that use it. */
  used_by: string[];
}

/** What an unknown machine was seen asking. */
export interface UnknownMachine {
  mac: string;
  first: number;
  last: number;
  count: number;
  arch: string;
  vendor: string;
  /** Where it was seen: `the boot network`, or behind a relay agent. */
  where: string;
  /** The address that it is lent, when it is. */
  ip?: string;
}

/** An address that is, or was, lent to a machine that is no node. Times are milliseconds since 1970. */
export interface ShownLease {
  ip: string;
  mac: string;
  network: string;
  /** `declined`: another machine was found to use the address. */
  state: 'active' | 'expired' | 'declined';
  /** What the machine calls itself, and its vendor class; either may be empty. */
  hostname: string;
  vendor: string;
  since: number;
  renewed: number;
  until: number;
  /** The node that it has become since. */
  node?: string;
}

export type {
  AuditLine,
  BootEvent,
  BootPlan,
  Collected,
  Inherited,
  Kind,
  NodeState,
  NodeStatus,
  Quirk,
  StoredBlob,
  Timeline,
};

/** Trailers of a capture: the exit status of what packs the node, and what it said, percent-encoded. */
export const CAPTURE_TRAILERS = ['X-Muster-Status', 'X-Muster-Reason'] as const;

/** The field of a request body that names a finished upload, in place of a file's content. */
export interface UploadReference {
  upload: string;
}
