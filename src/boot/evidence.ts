// What the head knows about a boot besides its timeline: data for `why`. The collectors are in src/evidence.

/** What the head was doing when it failed. */
export type Deed = 'save' | 'answer' | 'read' | 'send' | 'disk';

/** What kind of failure it was, by the code of the system's error. */
export type FailureKind =
  | 'disk-full'
  | 'read-only'
  | 'disk-broken'
  | 'no-descriptors'
  | 'no-memory'
  | 'database'
  | 'network'
  | 'filtered'
  | 'crashed'
  | 'other';

/** Something that the head failed to do. Here and below, `ago` is in seconds by a clock that nobody sets. */
export interface HeadFailure {
  /** Since the last time. */
  ago: number;
  kind: FailureKind;
  deed: Deed;
  /** What failed, as the end of "could not": `save the boot`. */
  what: string;
  /** The error in words. */
  error: string;
  /** UID of the node concerned, if there is one. */
  node?: string;
  times: number;
}

/** Where the head's servers report failures. Never throws and never waits. */
export interface FailureLog {
  /** @param failure its kind is that of its error when absent */
  failed(failure: {
    deed: Deed;
    what: string;
    error: unknown;
    node?: string | undefined;
    kind?: FailureKind | undefined;
  }): void;
}

/** Where refused or unanswered requests are reported. Never throws and never waits. */
export interface RefusalLog {
  /** @param who the address of the node, or its UID before it has an address @param status of HTTP */
  refused(who: string, reason: string, status?: number): void;
}

/** A request of a node that the head refused. */
export interface Refusal {
  /** Since the last time. */
  ago: number;
  /** Of HTTP; absent for DHCP. */
  status?: number;
  reason: string;
  times: number;
}

/** The file system that holds the head's state. */
export interface StorageLook {
  /** The state folder, and where its file system is mounted. */
  folder: string;
  mount: string;
  /** Bytes that musterd may still write, and in total. */
  free: number;
  size: number;
  /** Inodes left; absent where the file system does not count them. */
  inodes?: number;
  /** Bytes of unused stored files. */
  unneeded?: number;
}

/** A boot interface of the head. */
export interface InterfaceLook {
  name: string;
  /** The head's address on it. */
  address: string;
  problem?: 'gone' | 'down' | 'no-carrier' | 'no-address';
}

/** The wall clock of the head was set while musterd ran. */
export interface ClockJump {
  ago: number;
  /** Milliseconds that the clock was set forward, negative when back. */
  by: number;
}

/** Which packets reach a node. */
export interface PathLook {
  /** The largest IP packet of the head's interface, in bytes; absent when nobody probed. */
  mtu?: number;
  /** The largest IP packet that the node answered, and the smallest above it that it did not answer. */
  passes?: number;
  fails?: number;
  /** Whether the node answered any probe at all. */
  answers: boolean;
  /** What the head's own servers know about it. */
  tcp?: TcpLook;
  tftp?: TftpLook;
}

/** How short of memory the head is: the share of the last ten seconds in which everything waited for memory, and free memory. */
export interface PressureLook {
  /** Percent (PSI); absent where the kernel does not count. */
  stalled?: number;
  /** Bytes that programs can still have, and all. */
  available: number;
  total: number;
}

/** A connection of the node to the head that waits for it. */
export interface TcpLook {
  /** Since it was looked at: 0 while it is open. */
  ago: number;
  /** Bytes of a full segment. */
  segment: number;
  /** Segments sent and not acknowledged. */
  unacknowledged: number;
  /** How often the oldest of them was sent again. */
  retransmits: number;
  /** Segments sent, and those of them that were sent again, since the connection began. */
  sent: number;
  again: number;
  /** Bytes that the node acknowledged since the connection began. */
  acknowledged: number;
  /** Seconds in which nothing more was acknowledged, up to that look. */
  quiet: number;
}

/** A TFTP transfer to the node under way. */
export interface TftpLook {
  file: string;
  /** Bytes of a full packet. */
  packet: number;
  /** Blocks that the node acknowledged, and in total. */
  acknowledged: number;
  blocks: number;
  /** Whether the node answered the OACK. */
  agreed: boolean;
  /** How often in a row the next packet was sent without an answer. */
  unanswered: number;
  /** Repeated acknowledgements of the block before: the node is alive and waits. */
  repeated: number;
}

/** Two sources that the DHCP messages of the node's hardware address have by turns. */
export interface TwinLook {
  /** Identifiers of machines, or names of networks. */
  by: 'machine' | 'network';
  /** The last one second. */
  names: readonly [string, string];
  /** Since the last turn. */
  ago: number;
}

/** Which machines use the node's address. */
export interface NeighbourLook {
  ip: string;
  /** Each hardware address seen with the address, the newest last. */
  seen: readonly Neighbour[];
}

export interface Neighbour {
  mac: string;
  /** Since it was seen last. */
  ago: number;
  /** Since it answered ARP; absent when the kernel only remembers it. */
  answered?: number;
  /** Whether it is one of the node's own. */
  own: boolean;
  /** The name of the node that it belongs to, if it is another node. */
  node?: string;
}

/** The node's network, as DHCP gives it out. */
export interface RouteLook {
  name: string;
  /** `10.56.0.0/24`. */
  subnet: string;
  /** Whether the head has an interface in it. */
  attached: boolean;
  /** Empty when it has none. */
  router: string;
}

/** A panic that the node's kernel sent. */
export interface PanicLook {
  ago: number;
  /** Its line. */
  text: string;
  because?: 'no-root' | 'init-ended' | 'no-memory';
}

/** How a session ended without a logout of the initiator, and not by the target's own decision. */
export type IscsiEnd = 'silent' | 'reset' | 'closed' | 'replaced';

export interface IscsiBreak {
  ago: number;
  how: IscsiEnd;
}

/** What the iSCSI target saw of the node. */
export interface IscsiLook {
  /** Where the node logs in. */
  address: string;
  port: number;
  /** Since the last connection from its address arrived; absent when none did. */
  connected?: number;
  /** Open sessions of the boot to be explained. */
  sessions: number;
  /** The last sessions of that boot that broke, the newest last. */
  breaks: readonly IscsiBreak[];
}

/** A stored file that the node received, compared with its digest. */
export interface StoredLook {
  name: 'kernel' | 'initramfs' | 'image';
  state: 'right' | 'wrong' | 'reading';
}

/** Everything that was checked; what is absent was not. */
export interface Evidence {
  failures?: readonly HeadFailure[];
  refusals?: readonly Refusal[];
  storage?: StorageLook;
  /** Open file descriptors of musterd, and how many it may have. */
  descriptors?: { open: number; limit: number };
  interfaces?: readonly InterfaceLook[];
  memory?: PressureLook;
  /** The head's address that the node speaks to. */
  network?: string;
  jumps?: readonly ClockJump[];
  path?: PathLook;
  neighbours?: NeighbourLook;
  route?: RouteLook;
  panic?: PanicLook;
  iscsi?: IscsiLook;
  /** Seconds since each of its last connections was reset from outside, the newest last. */
  resets?: readonly number[];
  twins?: TwinLook;
  stored?: readonly StoredLook[];
}
