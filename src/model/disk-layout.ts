// The text of `_disk_layout`: `/dev/sda cache=20G,root=rest; raid1(/dev/sdb,/dev/sdc) scratch=rest:xfs@/scratch,swap=16G:swap?`.
import { didYouMean } from '../nearest.ts';
import { own } from '../own.ts';
import type { Refused } from '../refused.ts';

interface FileSystem {
  /** The longest label, in bytes. */
  label: number;
  /** The smallest partition, in MiB. */
  least: number;
  isMounted: boolean;
}

/** What a partition can hold. */
const FILE_SYSTEMS = {
  ext4: { label: 16, least: 1, isMounted: true },
  // mkfs.xfs makes nothing smaller since xfsprogs 5.19.
  xfs: { label: 12, least: 300, isMounted: true },
  swap: { label: 15, least: 1, isMounted: false },
} as const satisfies Readonly<Record<string, FileSystem>>;

export type FileSystemName = keyof typeof FILE_SYSTEMS;

const LEVELS = ['raid0', 'raid1'] as const;

export interface LayoutPart {
  label: string;
  /** `20G`, or `rest`. */
  size: string;
  fs: FileSystemName;
  /** Where it is mounted; empty for a partition that is not. */
  path: string;
  /** Whether the boot continues without it. */
  isOptional: boolean;
}

export interface LayoutDisk {
  /** How several disks are one; none for a single disk. */
  level: (typeof LEVELS)[number] | undefined;
  /** `/dev/sda`: one, or the members of the array. */
  devices: string[];
  parts: LayoutPart[];
  /** Serial numbers of disks that may be erased. */
  erase: string;
}

/** A layout as the initramfs gets it. */
export interface NodeLayout {
  /** A line per disk: `DISK LABEL=SIZE[:FS][@PATH][?],… [erase=SERIAL]`. */
  disks: string[];
  /** A line per partition in use: `LABEL FS PATH needed|optional`, swap first (path `-`), then folders before what is below them. */
  mounts: string[];
}

const FORM =
  'must be disks and their partitions, such as /dev/sda cache=20G,root=rest; /dev/sdb scratch=rest:xfs@/scratch';
const DEVICE = /^\/dev\/[\w./:@+-]+$/;
const MEBIBYTES: Readonly<Record<string, number>> = { M: 1, G: 1024, T: 1024 ** 2 };

/** Folders that the system needs from its image before it can mount a disk, or that it makes itself. */
const SYSTEMS_OWN = ['/bin', '/dev', '/etc', '/lib', '/lib32', '/lib64', '/proc', '/run', '/sbin', '/sys', '/usr'];
const MADE_BY_SYSTEM = /^\/(dev|proc|run|sys)\//;

/** Reads the text; refuses it with the disk or partition and what is wrong. */
export function readDiskLayout(value: string): { disks: LayoutDisk[] } | Refused {
  const disks: LayoutDisk[] = [];
  const texts = value.split(';').map(text => text.trim());
  for (const text of texts.filter(text => text !== '')) {
    const read = readDisk(text);
    if ('refused' in read) return read;
    disks.push(read);
  }
  if (disks.length === 0) return { refused: FORM };
  const parts = disks.flatMap(disk => disk.parts);
  const device = repeated(disks.flatMap(disk => disk.devices));
  if (device !== undefined) return { refused: `names the disk ${device} twice` };
  const label = repeated(parts.map(part => part.label));
  if (label !== undefined) return { refused: `has the label ${label} twice` };
  const path = repeated(parts.map(part => part.path).filter(one => one !== ''));
  return path === undefined ? { disks } : { refused: `mounts two partitions at ${path}` };
}

function readDisk(text: string): LayoutDisk | Refused {
  const [, first = '', rest = ''] = /^((?:\w+\([^)]*\))|\S+)\s*(.*)$/.exec(text) ?? [];
  const disk = readDevices(first);
  if ('refused' in disk) return disk;
  const [list = '', erase, ...more] = rest.split(/\s+/);
  if (list === '') return { refused: `has no partition for ${first}; ${FORM}` };
  const [, serials] = /^erase=(\S+)$/.exec(erase ?? '') ?? [];
  if (more.length > 0 || (erase !== undefined && serials === undefined))
    return {
      refused: `has '${[erase, ...more].join(' ')}' after the partitions of ${first}; erase=SERIAL can be there`,
    };
  const parts: LayoutPart[] = [];
  for (const piece of list.split(',')) {
    const part = readPart(piece);
    if ('refused' in part) return part;
    parts.push(part);
  }
  const early = parts.slice(0, -1).find(part => part.size === 'rest');
  if (early)
    return {
      refused: `has ${early.label}=rest before other partitions of ${first}; only the last one can be the rest`,
    };
  return { ...disk, parts, erase: serials ?? '' };
}

/** Reads `/dev/sda`, or `raid1(/dev/sdb,/dev/sdc)`. */
function readDevices(text: string): Pick<LayoutDisk, 'level' | 'devices'> | Refused {
  const [, name, list = ''] = /^(\w+)\((.*)\)$/.exec(text) ?? [];
  const devices = name === undefined ? [text] : list.split(',').map(device => device.trim());
  const wrong = devices.find(device => !DEVICE.test(device));
  const level = LEVELS.find(one => one === name);
  if (name !== undefined && level === undefined)
    return { refused: `has '${name}': ${didYouMean(name, LEVELS, `there are ${LEVELS.join(' and ')}`)}` };
  if (wrong !== undefined)
    return { refused: name === undefined ? FORM : `has ${name}: '${wrong}' is no disk such as /dev/sda` };
  if (level !== undefined && devices.length < 2) return { refused: `has ${name} of one disk; it needs two at least` };
  return { level, devices };
}

const PART = /^([^=:@]*)=([^=:@?]*)(?::([^:@?]*))?(?:@([^?]*))?(\?)?$/;

function readPart(text: string): LayoutPart | Refused {
  const [whole, label = '', size = '', fs = 'ext4', path, optional] = PART.exec(text) ?? [];
  const is = (what: string): Refused => ({ refused: `has '${text}': ${what}` });
  if (whole === undefined) return is('a partition is LABEL=SIZE, then :FILESYSTEM and @/FOLDER if needed');
  const names = Object.keys(FILE_SYSTEMS);
  if (!isFileSystem(fs))
    return is(`the file system is unknown; ${didYouMean(fs, names, `there are ${names.join(', ')}`)}`);
  const system = FILE_SYSTEMS[fs];
  if (!/^[A-Za-z][\w-]*$/.test(label)) return is('a label has letters, digits, _ and -, and begins with a letter');
  if (label.length > system.label) return is(`a label of ${fs} has ${system.label} characters at most`);
  const [, count, unit = ''] = /^([1-9]\d{0,6})([MGT])$/.exec(size) ?? [];
  if (size !== 'rest' && count === undefined) return is('the size must be a number with M, G or T, or rest');
  if (count !== undefined && Number(count) * (own(MEBIBYTES, unit) ?? 0) < system.least)
    return is(`${fs} needs ${system.least}M at least`);
  const problem = path === undefined ? undefined : pathProblem(path, system);
  if (problem !== undefined) return is(problem);
  if (optional && path === undefined && fs !== 'swap') return is('? is for swap, and for a partition with a folder');
  return { label, size, fs, path: path ?? '', isOptional: optional !== undefined };
}

function isFileSystem(name: string): name is FileSystemName {
  return Object.hasOwn(FILE_SYSTEMS, name);
}

function pathProblem(path: string, { isMounted }: FileSystem): string | undefined {
  if (!isMounted) return 'swap has no folder';
  if (!/^(\/[\w.+-]+)+$/.test(path) || /\/\.{1,2}(\/|$)/.test(path))
    return 'the folder must be an absolute path, such as /scratch';
  if (SYSTEMS_OWN.includes(path) || MADE_BY_SYSTEM.test(path)) return `${path} must stay as the system needs it`;
  return undefined;
}

function repeated(values: readonly string[]): string | undefined {
  return values.find((value, index) => values.indexOf(value) < index);
}

/** Returns whether the system uses the partition by itself, in any boot style. */
export function isInUse({ fs, path }: LayoutPart): boolean {
  return path !== '' || fs === 'swap';
}

/** Returns the layout as the initramfs reads it: disks in order, partitions in use in the order of their mounting. */
export function nodeLayout(disks: readonly LayoutDisk[]): NodeLayout {
  const used = disks.flatMap(({ parts }) => parts.filter(isInUse));
  // An empty path, which is that of swap, comes first, and a folder before what is below it.
  used.sort((one, other) => (one.path < other.path ? -1 : Number(one.path > other.path)));
  const mounts = used.map(
    ({ label, fs, path, isOptional }) => `${label} ${fs} ${path || '-'} ${isOptional ? 'optional' : 'needed'}`,
  );
  return { disks: disks.map(diskText), mounts };
}

function diskText({ level, devices, parts, erase }: LayoutDisk): string {
  const name = level ? `${level}(${devices.join(',')})` : devices.join();
  return `${name} ${parts.map(partText).join(',')}${erase && ` erase=${erase}`}`;
}

function partText({ label, size, fs, path, isOptional }: LayoutPart): string {
  return `${label}=${size}${fs === 'ext4' ? '' : `:${fs}`}${path && `@${path}`}${isOptional ? '?' : ''}`;
}
