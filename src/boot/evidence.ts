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

/** Something that the head failed to do. Here and below `ago` is seconds: it compares with silences, whatever the wall clock does. */
export interface HeadFailure {
  /** Since it happened last. */
  ago: number;
  kind: FailureKind;
  deed: Deed;
  /** What failed, to follow "could not": `save the boot`. */
  what: string;
  /** The error in words. */
  error: string;
  /** UID of the node that it was for, when it was for one. */
  node?: string;
  times: number;
}

/** Where the servers of the head report what they failed to do. Never throws and never waits. */
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

/** Where requests that were refused, or not answered, are reported. Never throws and never waits. */
export interface RefusalLog {
  /** @param who the address of the node, or the UID of one that has no address yet @param status of HTTP */
  refused(who: string, reason: string, status?: number): void;
}

/** A request of a node that the head refused. */
export interface Refusal {
  /** Since it happened last. */
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
  /** Bytes that musterd may still write, and all. */
  free: number;
  size: number;
  /** Files that may still be made; absent where the file system does not count them. */
  inodes?: number;
  /** Bytes of stored files that nothing needs. */
  unneeded?: number;
}

/** A boot interface of the head. */
export interface InterfaceLook {
  name: string;
  /** The head's address that belongs on it. */
  address: string;
  problem?: 'gone' | 'down' | 'no-carrier' | 'no-address';
}

/** The wall clock of the head was set while musterd ran. */
export interface ClockJump {
  ago: number;
  /** Milliseconds that the clock went forward, negative when it went back. */
  by: number;
}

/** Which packets reach a node. */
export interface PathLook {
  /** What the head's interface sends at most, in bytes of an IP packet; absent when nobody probed. */
  mtu?: number;
  /** Sizes of IP packets that the node answered, the largest, and that it did not answer, the smallest above that. */
  passes?: number;
  fails?: number;
  /** Whether the node answered any probe at all. */
  answers: boolean;
  /** What the head's own servers see of it. */
  tcp?: TcpLook;
  tftp?: TftpLook;
}

/** How short of memory the head is: shares of the last ten seconds in which nothing ran for want of it, and free memory. */
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
  /** Times the oldest of them was sent again. */
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
  /** Blocks that the node acknowledged, and all. */
  acknowledged: number;
  blocks: number;
  /** Whether the node answered the OACK. */
  agreed: boolean;
  /** Times in a row that the packet after that was sent and not answered. */
  unanswered: number;
  /** Acknowledgements of the block before that the node repeats: it is alive and waits. */
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
  /** Each hardware address that was seen to have the address, the newest last. */
  seen: readonly Neighbour[];
}

export interface Neighbour {
  mac: string;
  /** Since it was seen last. */
  ago: number;
  /** Whether it is one of the node's own. */
  own: boolean;
  /** The name of the node that it belongs to, when it is another one of ours. */
  node?: string;
}

/** A stored file that was sent to the node, compared with its digest. */
export interface StoredLook {
  name: 'kernel' | 'initramfs' | 'image';
  state: 'right' | 'wrong' | 'reading';
}

/** Everything that was looked at; what is absent was not. */
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
  twins?: TwinLook;
  stored?: readonly StoredLook[];
}
