// What the command line and the daemon say to each other: the shapes of questions and answers below /api/v1.

import type { Collected, StoredBlob } from '../blobs/garbage.ts';
import type { BootEvent } from '../boot/boot.ts';
import type { Stage } from '../boot/journey.ts';
import type { BootPlan } from '../boot/plan.ts';
import type { Quirk } from '../boot/quirks.ts';
import type { NodeState, NodeStatus } from '../boot/status.ts';
import type { Timeline } from '../boot/timeline.ts';
import type { Why } from '../boot/why.ts';
import type { Inherited } from '../model/attributes.ts';
import type { Kind } from '../model/kinds.ts';
import type { PowerResult } from '../power/control.ts';
import type { ExecNews } from '../ssh/exec.ts';
import type { AuditLine } from '../store/store.ts';

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

/** Firmware by the number of its architecture: IANA "Processor Architecture Types" (RFC 4578 §2.1, RFC 5970 §3.3). */
export const FIRMWARES = { bios: 0, efi32: 6, efi64: 7, arm64: 11, http: 16, 'http-arm64': 19 } as const;
export type Firmware = keyof typeof FIRMWARES;

/** A DHCP reply in words. */
export interface RehearsedPacket {
  /** `OFFER`, `ACK`, `NAK`. */
  kind: string;
  yiaddr: string;
  siaddr: string;
  file: string;
  /** In the order of the packet. */
  options: { code: number; name: string; value: string; hex: string }[];
}

export interface RehearsedFile {
  name: string;
  /** Bytes. */
  size: number;
  sha256: string;
  /** Where the head reads a loader. */
  path?: string;
}

/** What would be answered at one stage of a boot. */
export interface RehearsedStage {
  number: number;
  stage: Stage;
  result: 'answered' | 'refused' | 'skipped';
  /** One sentence. */
  summary: string;
  /** All of it for people, a line each. */
  lines: string[];
  packets?: RehearsedPacket[];
  files?: RehearsedFile[];
  /** The script. */
  text?: string;
  /** The kernel's command line. */
  cmdline?: string;
}

/** A boot without a packet: what would be answered, and what an update would change of it. */
export interface Rehearsal {
  /** Of a node; none for a hardware address that is none's. */
  uid?: string;
  name?: string;
  mac: string;
  firmware: Firmware;
  /** Why this firmware, when it was not asked for. */
  assumed?: string;
  /** What else there is to know, such as that an unknown machine would become a node. */
  remarks: string[];
  stages: RehearsedStage[];
  /** The update that was tried. */
  update?: Record<string, string | null>;
  /** The stages with it. */
  after?: RehearsedStage[];
  /** Of each stage that it changes, lines with `-` before and `+` after. */
  differences?: { number: number; stage: Stage; lines: string[] }[];
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

/** An image on its way to a node, or a node that waits for its turn. */
export interface ShownTransfer {
  node: string;
  boot: string;
  state: 'running' | 'queued';
  /** Bytes of the image that the node has, and all. */
  done: number;
  size: number;
  /** Bytes per second. */
  rate?: number;
  /** Seconds since the network took bytes; of one that runs. */
  idle?: number;
  /** It was cut off in the middle and has not come back yet; of one in the queue. */
  cut?: true;
  /** Place in the queue, from 1. */
  place?: number;
  /** Seconds until it is done, or until its turn. */
  seconds?: number;
}

/** The boots that are under way, and the images that are sent. */
export interface ShownBoots {
  boots: { node: string; boot: string; stage: string; seconds: number; reason?: string }[];
  transfers: ShownTransfer[];
}

/** How the rows of the board are ordered: what needs a look first, the longest silent first, by name. */
export const BOARD_SORTS = ['trouble', 'quiet', 'name'] as const;
export type BoardSort = (typeof BOARD_SORTS)[number];

export interface BoardRow {
  uid: string;
  name: string;
  state: NodeState;
  /** The furthest stage of its newest boot. */
  stage?: Stage;
  /** Seconds since anything was heard of it. */
  quiet?: number;
  /** Seconds since its newest boot began. */
  seconds?: number;
  /** As far as it is known. */
  power?: 'on' | 'off';
  verdict: Why['verdict'];
  rule: string;
  cause: string;
  remedy?: string;
  transfer?: ShownTransfer;
}

/** The whole cluster in figures, and some of its nodes. */
export interface Board {
  /** Milliseconds since 1970. */
  at: number;
  head: string;
  version: string;
  /** Of the daemon, in seconds. */
  uptime: number;
  nodes: number;
  states: Record<NodeState, number>;
  /** Of the nodes that boot or failed, by the furthest stage. */
  stages: Record<Stage, number>;
  power: { on: number; off: number; unknown: number };
  /** `rate` in bytes per second, `left` in bytes, `seconds` until all have their image. */
  images: { running: number; queued: number; rate: number; left: number; seconds?: number };
  /** How many nodes the filter leaves; `rows` are some of them. */
  matched: number;
  rows: BoardRow[];
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

/** The field of a request body that names a finished upload, in place of a file's content. */
export interface UploadReference {
  upload: string;
}
