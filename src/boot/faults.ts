// What can go wrong in a boot, as facts: a row per fault. Servers and the initramfs name a fault, and `why` decides by it. The
// words next to it are for people alone.

export interface FaultRow {
  /** Who may name it. A node is believed only about itself: it cannot blame the head. */
  by: 'head' | 'node' | 'both';
  /** What it means, as a clause, and which values come with it (`About`). */
  means: string;
}

const ROWS = {
  // On the way to an address and a loader
  'other-dhcp-server': { by: 'head', means: 'the node took the offer of another DHCP server (name: its address)' },
  'other-address': {
    by: 'head',
    means: 'the other DHCP server gives an address that muster does not expect (name: that server; have, want)',
  },
  'address-in-use': {
    by: 'head',
    means: "another machine uses the node's address (name: the address; have: the hardware address of that machine)",
  },
  'wrong-network': { by: 'head', means: 'the node asks from a network that its address does not belong to' },
  'no-loader-for-firmware': { by: 'head', means: 'the head has no loader for this firmware (name: the firmware)' },
  'loader-lacks-its-file': {
    by: 'head',
    means: 'the loader asks for a file that muster does not serve (name: the file)',
  },
  'request-refused': {
    by: 'head',
    means: 'the loader asks for a file in a way that muster does not serve (name: the file)',
  },
  // Files on their way
  'cut-off': { by: 'head', means: 'a transfer ended before the file did (file; name: its name)' },
  'short-file': { by: 'head', means: 'a stored file is shorter than it was (file; have, want: bytes)' },
  'unreadable-file': { by: 'head', means: 'the head cannot read a file (file; name: the system code; have: its path)' },
  // What there is to boot
  'nothing-to-boot': { by: 'head', means: 'the configuration of the node gives nothing that it can boot' },
  'bad-answers': { by: 'head', means: "the installer's answers' file cannot be filled in for the node" },
  'files-do-not-render': { by: 'head', means: 'a template of the file sets of the node fails, or a set is gone' },
  'initramfs-too-old': { by: 'head', means: 'the initramfs cannot do what the plan of the boot needs' },
  'kernel-for-other-processor': { by: 'head', means: 'the kernel is for another architecture than the firmware' },
  'loader-gave-up': { by: 'head', means: 'iPXE could not get or start kernel and initramfs (name: its error code)' },
  'session-over': { by: 'both', means: 'the boot session is over: another boot has begun since' },
  'no-session': { by: 'node', means: 'the session archive did not reach the kernel' },
  // The initramfs
  'no-network-driver': { by: 'node', means: 'no interface has the hardware address (name: the address)' },
  'no-link': { by: 'node', means: 'the interface has no link (name: the interface)' },
  'network-setup': { by: 'node', means: 'the interface does not take its address (name: the interface)' },
  'head-unreachable': { by: 'node', means: 'the head does not answer the node' },
  'download-stopped': { by: 'node', means: 'a download stopped and did not go on (have, want: bytes)' },
  'image-damaged': {
    by: 'node',
    means: 'the image arrived with another digest than the head promised (have, want: their first digits)',
  },
  'too-little-memory': { by: 'node', means: 'the memory is too small for the boot style (have, want: bytes)' },
  'no-space': { by: 'node', means: 'the image does not fit into the place for it (have: its bytes)' },
  'wrong-disk': {
    by: 'node',
    means: 'an attribute names a disk that is not there or not suitable (name: the attribute)',
  },
  'disk-failed': { by: 'node', means: 'a disk cannot be partitioned, formatted or mounted (name: the device)' },
  'disk-tool-missing': {
    by: 'node',
    means: 'the initramfs lacks a program that `_disk_layout` needs (name: the program; want: its package)',
  },
  'initramfs-lacks-part': { by: 'node', means: 'the initramfs lacks a program or a style (name: it)' },
  'kernel-lacks-module': { by: 'node', means: 'the kernel lacks a module (name: it)' },
  'squashfs-compressor': {
    by: 'node',
    means: 'the kernel cannot read the compressor of the image (name: the compressor; have: the kernel)',
  },
  'image-not-mounted': { by: 'node', means: 'the image cannot be mounted, for another reason (name: its compressor)' },
  'image-lacks-folder': { by: 'node', means: 'the image lacks a folder (name: it)' },
  'no-init': { by: 'node', means: 'the image has no init (name: its path)' },
  'init-dangling': { by: 'node', means: 'init is a link to nothing (name: its path; have: the target)' },
  'init-not-executable': {
    by: 'node',
    means: 'init cannot be executed (name: its path; have: what it is)',
  },
  'init-for-other-processor': {
    by: 'node',
    means: 'init is for another processor (name: its path; have, want: the architectures)',
  },
  'bad-setting': { by: 'node', means: 'an attribute has a value that the initramfs does not know (name: it)' },
  'files-damaged': { by: 'node', means: "the node's files arrived with other digests than the head promised" },
  'files-refused': { by: 'node', means: 'the head refuses to give the node its files' },
  'files-not-applied': {
    by: 'node',
    means: 'a file of the file sets cannot be placed in the root (name: its path; have: why)',
  },
  'script-failed': {
    by: 'node',
    means: 'a required script of a file set failed (name: the script; have: its exit status)',
  },
  'no-tls-client': { by: 'node', means: 'the image has no program that fetches secret files over TLS' },
  'node-failed': { by: 'node', means: 'the initramfs failed, for another reason' },
  // iSCSI
  'iscsi-target-missing': {
    by: 'both',
    means: "the node asked for a target that is not its own (name: that target; want: the node's own)",
  },
  'iscsi-secret-wrong': { by: 'both', means: 'the CHAP name or secret is wrong' },
  'iscsi-refused': { by: 'both', means: 'the iSCSI login failed, for another reason' },
} as const satisfies Readonly<Record<string, FaultRow>>;

export type Fault = keyof typeof ROWS;
export const FAULTS: Readonly<Record<Fault, FaultRow>> = ROWS;

/** A fault of a stored file explains why a node could not get or use it. */
export const STORAGE: readonly Fault[] = ['short-file', 'unreadable-file'];

/** The files that a boot fetches. */
const BOOT_FILES = ['loader', 'script', 'kernel', 'initramfs', 'session', 'image', 'iso', 'answers'] as const;
export type BootFileName = (typeof BOOT_FILES)[number];

/** Values that come with an event: of a fault, those that its row names; of an ACK for iPXE, `name` is the URL of its script. */
export interface About {
  name?: string;
  have?: string | number;
  want?: string | number;
}

/** The facts of an event for programs, next to its text. */
export interface EventFacts {
  fault?: Fault;
  /** The file in transfer, or at fault. */
  file?: BootFileName;
  /** Whether the whole file was sent. */
  complete?: boolean;
  about?: About;
  /** Set when the node reported it: the head does not vouch for it. */
  by?: 'node';
}

/** Returns the fault that a node reports, or undefined when a node may not name it. */
export function faultOfNode(name: string | undefined): Fault | undefined {
  return isFault(name) && FAULTS[name].by !== 'head' ? name : undefined;
}

function isFault(name: string | undefined): name is Fault {
  return name !== undefined && Object.hasOwn(ROWS, name);
}
