// What can go wrong in a boot, as facts: a row per fault. Servers and the initramfs name a fault, `why` decides by it, and the words
// beside it are for people alone.

export interface FaultRow {
  /** Who may name it. What a node reports is taken only for its own faults: it can blame nothing else on the head. */
  by: 'head' | 'node' | 'both';
  /** What it means, as a clause. `about` below says which values come with it. */
  means: string;
}

const ROWS = {
  // On the way to an address and a loader
  'other-dhcp-server': { by: 'head', means: 'the node took the offer of another DHCP server (name: its address)' },
  'other-address': {
    by: 'head',
    means: 'the other DHCP server gives an address that muster does not expect (name, have, want)',
  },
  'address-in-use': {
    by: 'head',
    means: 'another machine uses the address of the node (name: the address; have: its hardware address)',
  },
  'wrong-network': { by: 'head', means: 'the node asks from a network that its address is not of' },
  'no-loader': { by: 'head', means: 'the head has no loader for this firmware (name: the firmware)' },
  'loader-lacks-its-file': {
    by: 'head',
    means: 'the loader asks for a file that muster does not serve (name: the file)',
  },
  // Files on their way
  'cut-off': { by: 'head', means: 'a transfer ended before the file did (file)' },
  mtu: {
    by: 'head',
    means: 'the path drops large frames (have: the largest that passes, want: what was sent, in bytes)',
  },
  'short-file': { by: 'head', means: 'a file in the store is shorter than it was (file; have, want: bytes)' },
  'unreadable-file': { by: 'head', means: 'the head cannot read a file (file; name: the system code)' },
  'stored-file-damaged': { by: 'head', means: 'a file in the store has other content than was uploaded (file)' },
  // The head itself
  'head-disk-full': { by: 'head', means: 'the disk of the head is full (name: the folder)' },
  'head-clock-jumped': { by: 'head', means: 'the clock of the head jumped (have: seconds, forward or back)' },
  'head-failed': { by: 'head', means: 'the head failed to do its part, for another reason' },
  // What there is to boot
  'nothing-to-boot': { by: 'head', means: 'the configuration of the node gives nothing that it can boot' },
  'kernel-for-other-processor': { by: 'head', means: 'the kernel is for another architecture than the firmware' },
  'loader-gave-up': { by: 'head', means: 'iPXE could not get or start kernel and initramfs (name: its error code)' },
  'session-over': { by: 'both', means: 'the boot session is over: another boot has begun since' },
  'no-session': { by: 'node', means: 'the session archive did not reach the kernel' },
  // The initramfs
  'no-network-driver': { by: 'node', means: 'no interface has the hardware address (name: the address)' },
  'no-link': { by: 'node', means: 'the interface has no link (name: the interface)' },
  'network-setup': { by: 'node', means: 'the interface takes no address' },
  'head-unreachable': { by: 'node', means: 'the head does not answer' },
  'download-stopped': { by: 'node', means: 'a download stopped and did not go on' },
  'image-damaged': { by: 'node', means: 'the image arrived with another digest than the head promised' },
  'too-little-memory': { by: 'node', means: 'the memory is too small for the boot style (have, want: bytes)' },
  'no-space': { by: 'node', means: 'the image does not fit into the place for it (have, want: bytes)' },
  'wrong-disk': { by: 'node', means: 'an attribute names a disk that is not there, or not fit (name: the attribute)' },
  'disk-failed': { by: 'node', means: 'a disk cannot be partitioned, formatted or mounted (name: the device)' },
  'initramfs-lacks-part': { by: 'node', means: 'the initramfs lacks a program or a style (name: what)' },
  'kernel-lacks-module': { by: 'node', means: 'the kernel lacks a module or a file system (name: the module)' },
  'squashfs-compressor': {
    by: 'node',
    means: 'the kernel cannot unpack the compressor of the image (name: the compressor)',
  },
  'image-no-squashfs': { by: 'node', means: 'what arrived is no squashfs file system' },
  'image-lacks-folder': { by: 'node', means: 'the image lacks a folder (name: the folder)' },
  'no-init': { by: 'node', means: 'the image has no /sbin/init (name: its path)' },
  'init-dangling': { by: 'node', means: '/sbin/init is a link to nothing (name: its path, have: the target)' },
  'init-not-executable': { by: 'node', means: '/sbin/init cannot be executed (name: its path, have: what it is)' },
  'init-for-other-processor': {
    by: 'node',
    means: '/sbin/init is for another processor (name: its path; have, want: the architectures)',
  },
  'bad-setting': {
    by: 'node',
    means: 'an attribute has a value that the initramfs does not know (name: the attribute)',
  },
  'node-failed': { by: 'node', means: 'the initramfs failed, for another reason' },
  // iSCSI
  'iscsi-target-missing': { by: 'head', means: 'the node asked for a target that is not its own (name: the target)' },
  'iscsi-secret-wrong': { by: 'both', means: 'the CHAP name or secret is wrong' },
  'iscsi-refused': { by: 'both', means: 'the iSCSI login failed, for another reason' },
} as const satisfies Readonly<Record<string, FaultRow>>;

export type Fault = keyof typeof ROWS;
export const FAULTS: Readonly<Record<Fault, FaultRow>> = ROWS;

/** The files that a boot fetches. */
export const BOOT_FILES = ['loader', 'kernel', 'initramfs', 'session', 'image', 'iso', 'answers'] as const;
export type BootFileName = (typeof BOOT_FILES)[number];

/** Facts of an event, which programs decide by. */
export interface EventFacts {
  fault?: Fault;
  /** The file that was on its way, or that is at fault. */
  file?: BootFileName;
  /** Whether the file went out to its end. */
  complete?: boolean;
  /** Values of the fault, for its remedy; see its row. */
  about?: About;
}

export interface About {
  name?: string;
  have?: string | number;
  want?: string | number;
}

/** Returns the fault that a node names, or undefined when it is none that a node may name. */
export function faultOfNode(name: string | undefined): Fault | undefined {
  if (name === undefined || !Object.hasOwn(ROWS, name)) return undefined;
  const fault = name as Fault;
  return FAULTS[fault].by === 'head' ? undefined : fault;
}
