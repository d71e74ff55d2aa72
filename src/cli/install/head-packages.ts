// The system packages that a head uses: a row each, with a file that shows whether it is installed.

export interface HeadPackage {
  deb: string;
  /** For RHEL and Fedora; absent where they have no such package. */
  rpm?: string;
  /** `bin/x` and `sbin/x` are searched in PATH and in the system's folders. */
  shows: string;
}

/** scripts/packages.mjs has the same packages for a head; a test compares the two. */
export const HEAD_PACKAGES: readonly HeadPackage[] = [
  { deb: 'ipxe', rpm: 'ipxe-bootimgs-x86', shows: '/usr/lib/ipxe/undionly.kpxe' },
  { deb: 'mmdebstrap', shows: 'bin/mmdebstrap' },
  { deb: 'squashfs-tools', rpm: 'squashfs-tools', shows: 'bin/mksquashfs' },
  { deb: 'grub-common', rpm: 'grub2-tools', shows: 'bin/grub-mkimage' },
  { deb: 'grub-efi-amd64-bin', rpm: 'grub2-efi-x64-modules', shows: '/usr/lib/grub/x86_64-efi/normal.mod' },
  { deb: 'zstd', rpm: 'zstd', shows: 'bin/zstd' },
  { deb: 'radvd', rpm: 'radvd', shows: 'sbin/radvd' },
  { deb: 'busybox-static', shows: '/usr/share/doc/busybox-static' },
  { deb: 'ipmitool', rpm: 'ipmitool', shows: 'bin/ipmitool' },
  { deb: 'openssh-client', rpm: 'openssh-clients', shows: 'bin/ssh' },
  { deb: 'openssl', rpm: 'openssl', shows: 'bin/openssl' },
];

/** A package manager that can install them, and its arguments before the names. */
export interface Installer {
  program: 'apt-get' | 'dnf' | 'yum';
  /** Run first. */
  refresh?: readonly string[];
  install: readonly string[];
}

const INSTALLERS: readonly (Installer & { kind: 'deb' | 'rpm' })[] = [
  {
    kind: 'deb',
    program: 'apt-get',
    refresh: ['-q', 'update'],
    install: ['-q', 'install', '-y', '--no-install-recommends'],
  },
  { kind: 'rpm', program: 'dnf', install: ['-y', 'install'] },
  { kind: 'rpm', program: 'yum', install: ['-y', 'install'] },
];

export interface InstallPlan {
  /** Undefined: this system has no known one. */
  installer?: Installer;
  missing: string[];
}

/** Decides what to install. @param isThere whether a file or program (`shows`) exists @param isDebian an RPM head may have apt-get, and a Debian dnf */
export function planPackages(isThere: (shows: string) => boolean, isDebian: boolean): InstallPlan {
  const kinds = isDebian ? ['deb'] : ['rpm'];
  const found = INSTALLERS.find(({ kind, program }) => kinds.includes(kind) && isThere(`bin/${program}`));
  const missing = HEAD_PACKAGES.filter(({ shows }) => !isThere(shows)).flatMap(({ deb, rpm }) =>
    isDebian ? [deb] : rpm === undefined ? [] : [rpm],
  );
  if (!found) return { missing };
  const { kind: _kind, ...installer } = found;
  return { installer, missing };
}
