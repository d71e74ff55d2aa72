// Faults that the initramfs reported.
import { type Fault, STORAGE } from './faults.ts';
import type { Case } from './why-case.ts';
import { configOf, type ErrorRule, either, imageOf, lighterStyles, releaseOf } from './why-rules.ts';

export const NODE_FAULT_RULES = {
  'no-session': {
    remedy: () =>
      'Let its loader load both initrd files, as the scripts of muster do: a script of your own must load session.cpio second.',
  },
  'no-network-driver': {
    remedy: situation =>
      `Install the kernel's whole package into the image, and make the initramfs again: muster mkramfs --update ${configOf(situation)}.`,
  },
  'no-link': { remedy: () => 'Check the cable and the switch port.' },
  'network-setup': { remedy: () => 'Look at its console; the words of the kernel there say why.' },
  'head-unreachable': {
    rule: 'download-stopped',
    remedy: () => 'Check the network between head and node, and whether a firewall on the head closes http.port.',
  },
  'download-stopped': {
    remedy: () => 'Check the network between head and node, and whether a firewall on the head closes http.port.',
    because: STORAGE,
  },
  'image-damaged': {
    remedy: situation =>
      `Upload the image again: muster image -i ${imageOf(situation)} update content=@FILE. When that does not help, a network device between head and node changes bytes.`,
    settle: () => 'read the stored image: `muster doctor --deep`',
    because: STORAGE,
  },
  'too-little-memory': {
    remedy: situation => {
      const styles = lighterStyles(situation);
      const other = styles.length === 0 ? '' : `, or a boot style that needs less: ${either(styles)}`;
      return `Give the node more memory or a smaller image${other}.`;
    },
  },
  'no-space': {
    rule: 'out-of-space-on-node',
    remedy: () =>
      'The partition or the memory for the root is too small for the image: enlarge it, or shrink the image.',
  },
  'wrong-disk': {
    remedy: () => 'Correct the attribute; the message lists what the node has. Nothing was changed on its disks.',
  },
  'disk-failed': {
    remedy: () => 'Look at the disk: its SMART values, its cables, and the words of the kernel on the console.',
  },
  'initramfs-lacks-part': {
    remedy: situation => `Make it again with what the message names: muster mkramfs --update ${configOf(situation)}.`,
  },
  'kernel-lacks-module': {
    rule: 'kernel-and-initramfs-differ',
    remedy: situation =>
      `Kernel and initramfs are not of one version, or the kernel lacks the module: muster mkramfs --update ${configOf(situation)} makes both from the image.`,
  },
  'squashfs-compressor': {
    cause: (situation, { about }) =>
      `The image ${imageOf(situation)} is packed with ${about?.name ?? 'a compressor'}, which the kernel ${kernelOf(situation, about?.have)} cannot read.`,
    remedy: situation =>
      `Pack the image again with another method: muster modimg -i ${imageOf(situation)} --execute true --compress gzip --upload --overwrite. Or give ${configOf(situation)} a kernel that has this one.`,
  },
  'image-not-mounted': {
    rule: 'kernel-and-initramfs-differ',
    remedy: situation =>
      `Kernel and initramfs are not of one version, or the kernel has no squashfs: muster mkramfs --update ${configOf(situation)} makes both from the image.`,
    settle: () => "read the kernel's words about it on the node's console",
    because: STORAGE,
  },
  'image-lacks-folder': {
    rule: 'image-not-bootable',
    remedy: situation =>
      `Make the folder in the image: muster modimg -i ${imageOf(situation)} --chroot --upload --overwrite.`,
  },
  'no-init': {
    rule: 'image-not-bootable',
    remedy: situation =>
      `Install systemd-sysv (Debian) or systemd (RHEL) into the image: muster modimg -i ${imageOf(situation)} --install systemd --upload --overwrite.`,
  },
  'init-dangling': {
    rule: 'image-not-bootable',
    cause: (situation, { about }) =>
      `The image ${imageOf(situation)} cannot start: its ${about?.name ?? '/sbin/init'} is a link to ${about?.have ?? 'a file'}, which is not there.`,
    remedy: situation =>
      `Install the program it means (systemd for /lib/systemd/systemd), or correct the link: muster modimg -i ${imageOf(situation)} --chroot --upload --overwrite.`,
  },
  'init-not-executable': {
    rule: 'image-not-bootable',
    cause: (situation, { about }) =>
      `The image ${imageOf(situation)} cannot start: its ${about?.name ?? '/sbin/init'} cannot be executed, it is ${about?.have ?? 'no program'}.`,
    remedy: situation =>
      `Install the package of init into the image again (systemd-sysv on Debian, systemd on RHEL): muster modimg -i ${imageOf(situation)} --chroot --upload --overwrite.`,
  },
  'init-for-other-processor': {
    rule: 'image-not-bootable',
    cause: (situation, { about }) =>
      `The image ${imageOf(situation)} cannot start: its ${about?.name ?? '/sbin/init'} is a program for ${about?.have ?? 'another processor'}, and the node is ${about?.want ?? 'not'}.`,
    remedy: situation =>
      `Give ${configOf(situation)} an image for the node's processor, or the node another boot config: \`_boot_config\`.`,
  },
  'bad-setting': { remedy: () => 'Correct the attribute; the message says what it may be.' },
  'node-failed': { remedy: () => 'Its timeline and its console say more: `muster node timeline`.' },
} as const satisfies Partial<Record<Fault, ErrorRule>>;

function kernelOf(situation: Case, reported: string | number | undefined): string {
  return String(reported ?? releaseOf(situation)) || 'of its boot config';
}
