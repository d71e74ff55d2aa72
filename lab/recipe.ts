// The contents of the lab's Debian image: the packages, what is left out, the added files, and the names of its versions.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { arch } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../src/package-root.ts';

export interface Recipe {
  suite: string;
  /** Where packages come from; mmdebstrap's own default when empty. */
  mirror: string;
  packages: readonly string[];
  /** dpkg's `path-exclude`: files that a virtual node does not need but would hold in memory. */
  excludes: readonly string[];
  /** Packages needed only during installation. */
  removed: readonly string[];
  /** Path in the image to content. */
  files: Readonly<Record<string, string>>;
  /** Path in the image to the target of a symbolic link. */
  links: Readonly<Record<string, string>>;
}

/** The file by which a test recognises that a node's root is this image, and its content. */
export const MARK_FILE = '/etc/muster-lab';
export const MARK = 'this file was written into the image of the lab';

/** Units masked in the image: each costs an emulated processor a moment, and a node that lives for minutes does not need it. */
const UNNEEDED_UNITS: readonly string[] = [
  'apt-daily.timer',
  'apt-daily-upgrade.timer',
  'dev-hugepages.mount',
  'dev-mqueue.mount',
  'dpkg-db-backup.timer',
  'dracut-shutdown.service',
  'e2scrub_all.timer',
  'e2scrub_reap.service',
  'fstrim.timer',
  'getty-static.service',
  'iscsid.service',
  'iscsid.socket',
  'getty@tty1.service',
  'modprobe@configfs.service',
  'modprobe@drm.service',
  'modprobe@efi_pstore.service',
  'modprobe@fuse.service',
  'open-iscsi.service',
  'sys-fs-fuse-connections.mount',
  'sys-kernel-config.mount',
  'sys-kernel-debug.mount',
  'sys-kernel-tracing.mount',
  'systemd-journal-flush.service',
  'systemd-pstore.service',
  'systemd-random-seed.service',
  'systemd-update-utmp-runlevel.service',
  'systemd-update-utmp.service',
];

/** Returns the recipe for a machine of this Debian release (another system builds Debian 12). */
export function labRecipe(osRelease = readOsRelease(), env: NodeJS.ProcessEnv = process.env): Recipe {
  const own = /^ID=debian$/m.test(osRelease) ? /^VERSION_CODENAME=(\w+)$/m.exec(osRelease)?.[1] : undefined;
  return {
    suite: own ?? 'bookworm',
    mirror: env['MUSTER_LAB_MIRROR'] ?? '',
    packages: [
      'linux-image-cloud-amd64',
      'systemd-sysv',
      'udev',
      'dracut-core',
      'kmod',
      'iproute2',
      'e2fsprogs',
      'fdisk',
      'open-iscsi',
      // Soft reboot and exec use ssh. Its package makes the host keys: the nodes of one lab share them.
      'openssh-server',
      'curl',
      // Extended attributes of file sets
      'attr',
      'squashfs-tools',
      'zstd',
    ],
    excludes: ['/usr/share/doc/*', '/usr/share/info/*', '/usr/share/man/*', '/usr/share/locale/*'],
    removed: [
      '/usr/share/perl',
      '/usr/share/perl5',
      '/usr/lib/x86_64-linux-gnu/perl',
      '/usr/lib/x86_64-linux-gnu/gconv',
      '/usr/lib/udev/hwdb.d',
      '/usr/lib/udev/hwdb.bin',
      '/var/cache/debconf',
    ],
    files: {
      [MARK_FILE]: `${MARK}\n`,
      '/etc/hostname': 'localhost\n',
      // A private cluster on the administrator's own machine: its console needs no password.
      '/etc/systemd/system/serial-getty@.service.d/muster-lab.conf':
        '[Service]\nExecStart=\nExecStart=-/sbin/agetty --autologin root --keep-baud 115200 %I linux\n',
    },
    links: Object.fromEntries([
      ...UNNEEDED_UNITS.map(unit => [`/etc/systemd/system/${unit}`, '/dev/null']),
      ['/etc/systemd/system/default.target', '/lib/systemd/system/multi-user.target'],
    ]),
  };
}

/** Returns the recipe with further packages. */
export function withPackages(recipe: Recipe, ...packages: readonly string[]): Recipe {
  return { ...recipe, packages: [...recipe.packages, ...packages] };
}

/** Names the version of an image tree: another recipe, another kind of machine or another user (the owner of the files) is another version. */
export function rootVersion(recipe: Recipe, root: boolean): string {
  return digest([
    JSON.stringify(recipe),
    arch(),
    root ? 'root' : 'user',
    ...[import.meta.filename, join(import.meta.dirname, 'image-build.js')].map(file => readFileSync(file)),
  ]);
}

/** Names the version of kernel and initramfs: the image's, and everything that muster puts into an initramfs. */
export function bootVersion(image: string): string {
  const module = filesBelow(join(packageRoot, 'initramfs'));
  const makers = filesBelow(join(import.meta.dirname, '..', 'image'));
  return digest([image, ...[...module, ...makers].flatMap(file => [file, readFileSync(file)])]);
}

function digest(parts: readonly (string | Buffer)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part.length}\n`).update(part);
  return hash.digest('hex').slice(0, 16);
}

function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
    .sort();
}

function readOsRelease(): string {
  return existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
}
