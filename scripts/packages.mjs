// The system packages of each purpose: one row per package, with the file that shows it is there.

import { existsSync, readFileSync } from 'node:fs';

const NETBOOT = netbootRelease();

/** @typedef {'build' | 'head' | 'lab' | 'test' | 'bench'} Purpose */

/** @type {readonly { name: string, shows: string, for: readonly Purpose[] }[]} */
export const PACKAGES = [
  // sqlite3 is compiled from source where no prebuilt file fits.
  { name: 'make', shows: 'bin/make', for: ['build'] },
  { name: 'g++', shows: 'bin/g++', for: ['build'] },
  { name: 'python3', shows: 'bin/python3', for: ['build'] },
  { name: 'ca-certificates', shows: '/etc/ssl/certs/ca-certificates.crt', for: ['build'] },

  // To read the output.
  { name: 'python3-yaml', shows: '/usr/lib/python3/dist-packages/yaml/__init__.py', for: ['test'] },
  { name: 'jq', shows: 'bin/jq', for: ['test'] },

  // Signs the certificate by which nodes get their secrets.
  { name: 'openssl', shows: 'bin/openssl', for: ['head', 'lab', 'test'] },

  // The virtual cluster: firmware, machines, network, and the image they boot.
  { name: 'qemu-system-x86', shows: 'bin/qemu-system-x86_64', for: ['lab', 'test', 'bench'] },
  { name: 'ipxe-qemu', shows: '/usr/lib/ipxe/qemu/pxe-virtio.rom', for: ['lab', 'test', 'bench'] },
  { name: 'ipxe', shows: '/usr/lib/ipxe/undionly.kpxe', for: ['head', 'lab', 'test', 'bench'] },
  { name: 'ovmf', shows: '/usr/share/OVMF/OVMF_CODE_4M.fd', for: ['lab', 'test', 'bench'] },
  { name: 'iproute2', shows: 'bin/ip', for: ['lab', 'test', 'bench'] },
  { name: 'dnsmasq-base', shows: 'sbin/dnsmasq', for: ['lab', 'test', 'bench'] },
  { name: 'mmdebstrap', shows: 'bin/mmdebstrap', for: ['head', 'lab', 'test', 'bench'] },
  { name: 'fakechroot', shows: 'bin/fakechroot', for: ['lab', 'test', 'bench'] },
  { name: 'fakeroot', shows: 'bin/fakeroot', for: ['lab', 'test', 'bench'] },
  { name: 'squashfs-tools', shows: 'bin/mksquashfs', for: ['head', 'lab', 'test', 'bench'] },
  // Make the loaders that find a local disk, and that boot where iPXE fails.
  { name: 'grub-common', shows: 'bin/grub-mkimage', for: ['head', 'lab', 'test'] },
  { name: 'grub-efi-amd64-bin', shows: '/usr/lib/grub/x86_64-efi/normal.mod', for: ['head', 'lab', 'test'] },
  // Loaders that Secure Boot accepts.
  { name: 'shim-signed', shows: '/usr/lib/shim/shimx64.efi.signed', for: ['test'] },
  {
    name: 'grub-efi-amd64-signed',
    shows: '/usr/lib/grub/x86_64-efi-signed/grubnetx64.efi.signed',
    for: ['test'],
  },
  { name: 'kmod', shows: 'sbin/depmod', for: ['lab', 'test', 'bench'] },
  { name: 'cpio', shows: 'bin/cpio', for: ['lab', 'test', 'bench'] },
  { name: 'xz-utils', shows: 'bin/xz', for: ['lab', 'test', 'bench'] },
  { name: 'zstd', shows: 'bin/zstd', for: ['head', 'lab', 'test', 'bench'] },

  // Real clients, and checkers of what is written.
  { name: 'tftp-hpa', shows: 'bin/tftp', for: ['test'] },
  { name: 'atftp', shows: 'bin/atftp', for: ['test'] },
  { name: 'curl', shows: 'bin/curl', for: ['test', 'bench'] },
  { name: 'tinyproxy-bin', shows: 'bin/tinyproxy', for: ['test'] },
  { name: 'isc-dhcp-client', shows: 'sbin/dhclient', for: ['test'] },
  { name: 'isc-dhcp-relay', shows: 'sbin/dhcrelay', for: ['test'] },
  { name: 'radvd', shows: 'sbin/radvd', for: ['head', 'test'] },
  { name: 'ndisc6', shows: 'bin/rdisc6', for: ['test'] },
  { name: 'kea-admin', shows: 'sbin/perfdhcp', for: ['test', 'bench'] },
  { name: 'udhcpc', shows: 'sbin/udhcpc', for: ['test'] },
  // Read what `muster export` and file sets write.
  { name: 'ansible-core', shows: 'bin/ansible-inventory', for: ['test'] },
  { name: 'genders', shows: 'bin/nodeattr', for: ['test'] },
  { name: 'bind9-utils', shows: 'bin/named-checkzone', for: ['test'] },
  { name: 'slurmctld', shows: 'sbin/slurmctld', for: ['test'] },
  { name: 'slurmd', shows: 'sbin/slurmd', for: ['test'] },
  { name: 'slurm-client', shows: 'bin/scontrol', for: ['test'] },
  { name: 'munge', shows: 'sbin/munged', for: ['test'] },
  { name: 'tcpdump', shows: 'bin/tcpdump', for: ['test'] },
  { name: 'ignition', shows: '/usr/lib/dracut/modules.d/30ignition/ignition', for: ['test'] },
  { name: 'chrony', shows: 'sbin/chronyd', for: ['test'] },
  { name: 'ifupdown', shows: 'sbin/ifup', for: ['test'] },
  // Sets the clock of a single program.
  { name: 'faketime', shows: 'bin/faketime', for: ['test'] },
  { name: 'dhcpcd-base', shows: 'sbin/dhcpcd', for: ['test'] },
  { name: 'network-manager', shows: 'sbin/NetworkManager', for: ['test'] },
  { name: 'dbus', shows: 'bin/dbus-daemon', for: ['test'] },
  { name: 'busybox-static', shows: '/usr/share/doc/busybox-static', for: ['head', 'lab', 'test', 'bench'] },
  { name: 'nftables', shows: 'sbin/nft', for: ['test'] },
  { name: 'mtools', shows: 'bin/mcopy', for: ['test'] },
  { name: 'gdisk', shows: 'sbin/sgdisk', for: ['test'] },
  { name: 'fdisk', shows: 'sbin/sfdisk', for: ['test'] },
  { name: 'xfsprogs', shows: 'sbin/mkfs.xfs', for: ['test'] },
  { name: 'mdadm', shows: 'sbin/mdadm', for: ['test'] },
  // A kernel with arrays, which the machine's own may lack.
  { name: 'user-mode-linux', shows: 'bin/linux.uml', for: ['test'] },
  { name: 'file', shows: 'bin/file', for: ['test'] },
  { name: 'strace', shows: 'bin/strace', for: ['test'] },
  { name: 'umoci', shows: 'bin/umoci', for: ['test'] },
  { name: 'skopeo', shows: 'bin/skopeo', for: ['test'] },
  { name: 'rpm', shows: 'bin/rpmbuild', for: ['test'] },
  { name: 'systemd', shows: 'bin/systemd-analyze', for: ['test'] },
  { name: 'shellcheck', shows: 'bin/shellcheck', for: ['test'] },
  { name: 'zsh', shows: 'bin/zsh', for: ['test'] },
  // Shows what is written, synced and renamed, and kills a program at a chosen call.
  // A real terminal, and a reader for it.
  { name: 'xterm', shows: 'bin/xterm', for: ['test'] },
  { name: 'xvfb', shows: 'bin/Xvfb', for: ['test'] },
  { name: 'tmux', shows: 'bin/tmux', for: ['test'] },
  { name: 'imagemagick', shows: 'bin/import', for: ['test'] },
  { name: 'fonts-dejavu-core', shows: '/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf', for: ['test'] },
  { name: 'mandoc', shows: 'bin/mandoc', for: ['test'] },
  { name: 'clustershell', shows: 'bin/nodeset', for: ['test'] },
  { name: 'libiscsi-bin', shows: 'bin/iscsi-test-cu', for: ['test', 'bench'] },
  { name: 'qemu-utils', shows: 'bin/qemu-img', for: ['test'] },
  { name: 'qemu-block-extra', shows: '/usr/share/doc/qemu-block-extra', for: ['test'] },
  // ISO images by two writers, and a package manager that installs from one.
  { name: 'xorriso', shows: 'bin/xorriso', for: ['test'] },
  { name: 'genisoimage', shows: 'bin/genisoimage', for: ['test'] },
  { name: 'rpm', shows: 'bin/rpmbuild', for: ['test'] },
  { name: 'createrepo-c', shows: 'bin/createrepo_c', for: ['test'] },
  { name: 'dnf', shows: 'bin/dnf', for: ['test'] },
  // Debian's own installer, where Debian packages it.
  ...(NETBOOT === undefined
    ? []
    : [
        /** @type {const} */ ({
          name: `debian-installer-${NETBOOT}-netboot-amd64`,
          shows: `/usr/lib/debian-installer/images/${NETBOOT}/amd64/text/debian-installer/amd64/linux`,
          for: ['test'],
        }),
      ]),

  // Power control: the tools, and what stands for BMCs, servers and hypervisors in the tests.
  { name: 'ipmitool', shows: 'bin/ipmitool', for: ['head', 'test'] },
  { name: 'openssh-client', shows: 'bin/ssh', for: ['head', 'lab', 'test'] },
  { name: 'openipmi', shows: 'bin/ipmi_sim', for: ['test'] },
  { name: 'openssh-server', shows: 'sbin/sshd', for: ['test'] },
  { name: 'libvirt-clients', shows: 'bin/virsh', for: ['test'] },
  { name: 'libvirt-daemon', shows: 'sbin/libvirtd', for: ['test'] },
  {
    name: 'libvirt-daemon-driver-qemu',
    shows: '/usr/lib/x86_64-linux-gnu/libvirt/connection-driver/libvirt_driver_qemu.so',
    for: ['test'],
  },
  { name: 'redfishtool', shows: 'bin/redfishtool', for: ['test'] },

  // Images: package managers with repositories made by the tests, and checkers of packed images.
  { name: 'dnf', shows: 'bin/dnf', for: ['test'] },
  { name: 'rpm', shows: 'bin/rpmbuild', for: ['test'] },
  { name: 'createrepo-c', shows: 'bin/createrepo_c', for: ['test'] },
  { name: 'zypper', shows: 'bin/zypper', for: ['test'] },
  { name: 'gpg', shows: 'bin/gpg', for: ['test'] },
  { name: 'rsync', shows: 'bin/rsync', for: ['test'] },
  { name: 'attr', shows: 'bin/setfattr', for: ['test'] },
  { name: 'libarchive-tools', shows: 'bin/bsdtar', for: ['test'] },
  { name: 'libcap2-bin', shows: 'sbin/setcap', for: ['test'] },
  { name: 'policycoreutils', shows: 'sbin/setfiles', for: ['test'] },
  { name: 'openssh-client', shows: 'bin/ssh', for: ['head', 'test'] },
  { name: 'openssh-server', shows: 'sbin/sshd', for: ['test'] },
  { name: 'sudo', shows: 'bin/sudo', for: ['test'] },

  // The servers that the benchmarks compare muster with.
  { name: 'nginx-light', shows: 'sbin/nginx', for: ['bench', 'test'] },
  { name: 'wrk', shows: 'bin/wrk', for: ['bench'] },
  { name: 'kea-dhcp4-server', shows: 'sbin/kea-dhcp4', for: ['bench'] },
  { name: 'tftpd-hpa', shows: 'sbin/in.tftpd', for: ['bench'] },
  { name: 'tgt', shows: 'sbin/tgtd', for: ['bench', 'test'] },
];

/** The release of this Debian, when it is one whose netboot installer is a package in it. */
function netbootRelease() {
  const text = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  const release = /^ID=debian$/m.test(text) ? /^VERSION_ID="?(\d+)"?$/m.exec(text)?.[1] : undefined;
  return release === '12' || release === '13' ? release : undefined;
}
