// Faults that the initramfs reported.
import { type Fault, STORAGE } from './faults.ts';
import type { Case } from './why-case.ts';
import { configOf, type ErrorRule, either, imageOf, lighterStyles, releaseOf } from './why-rules.ts';

export const NODE_FAULT_RULES = {
  'no-session': {
    remedy: () =>
      "Make its loader load both initrd files, as muster's scripts do. Your own script must load session.cpio second.",
  },
  'no-network-driver': {
    remedy: situation =>
      `Install the whole kernel package into the image, then rebuild the initramfs: muster mkramfs --update ${configOf(situation)}.`,
  },
  'no-link': { remedy: () => 'Check the cable and the switch port.' },
  'network-setup': { remedy: () => 'Read the kernel messages on its console.' },
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
      `Upload the image again: muster image -i ${imageOf(situation)} update content=@FILE. If that does not help, a network device between head and node changes bytes.`,
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
    remedy: () => 'Enlarge the partition or the memory for the root, or shrink the image.',
  },
  'wrong-disk': {
    remedy: () => 'Correct the attribute; the message lists the disks of the node. Nothing was changed on them.',
  },
  'disk-failed': {
    remedy: () => 'Check the disk: its SMART values, its cables, and the kernel messages on the console.',
  },
  'disk-tool-missing': {
    cause: (_situation, { about }) =>
      `The initramfs has no ${about?.name ?? 'program'}, which _disk_layout needs for the node's disks.`,
    remedy: (situation, { about }) =>
      `Install ${about?.want ?? 'its package'} into the image ${imageOf(situation)}, then rebuild the initramfs: muster mkramfs --update ${configOf(situation)}.`,
  },
  'initramfs-lacks-part': {
    remedy: situation => `Rebuild it with what the message names: muster mkramfs --update ${configOf(situation)}.`,
  },
  'kernel-lacks-module': {
    rule: 'kernel-and-initramfs-differ',
    remedy: situation =>
      `Kernel and initramfs have different versions, or the kernel lacks the module. Build both from the image: muster mkramfs --update ${configOf(situation)}.`,
  },
  'squashfs-compressor': {
    cause: (situation, { about }) =>
      `The image ${imageOf(situation)} is packed with ${about?.name ?? 'a compressor'}, which the kernel ${kernelOf(situation, about?.have)} cannot read.`,
    remedy: situation =>
      `Repack the image with another method: muster modimg -i ${imageOf(situation)} --execute true --compress gzip --upload --overwrite. Or give ${configOf(situation)} a kernel that supports this one.`,
  },
  'image-not-mounted': {
    rule: 'kernel-and-initramfs-differ',
    remedy: situation =>
      `Kernel and initramfs have different versions, or the kernel has no squashfs. Build both from the image: muster mkramfs --update ${configOf(situation)}.`,
    settle: () => "read the kernel messages on the node's console",
    because: STORAGE,
  },
  'image-lacks-folder': {
    rule: 'image-not-bootable',
    remedy: situation =>
      `Create the folder in the image: muster modimg -i ${imageOf(situation)} --chroot --upload --overwrite.`,
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
      `Install the program that the link names (systemd for /lib/systemd/systemd), or correct the link: muster modimg -i ${imageOf(situation)} --chroot --upload --overwrite.`,
  },
  'init-not-executable': {
    rule: 'image-not-bootable',
    cause: (situation, { about }) =>
      `The image ${imageOf(situation)} cannot start: its ${about?.name ?? '/sbin/init'} cannot be executed: it is ${about?.have ?? 'no program'}.`,
    remedy: situation =>
      `Reinstall the package of init in the image (systemd-sysv on Debian, systemd on RHEL): muster modimg -i ${imageOf(situation)} --chroot --upload --overwrite.`,
  },
  'init-for-other-processor': {
    rule: 'image-not-bootable',
    cause: (situation, { about }) =>
      `The image ${imageOf(situation)} cannot start: its ${about?.name ?? '/sbin/init'} is a program for ${about?.have ?? 'another processor'}, and the node is ${about?.want ?? 'not'}.`,
    remedy: situation =>
      `Give ${configOf(situation)} an image for the node's processor, or the node another boot config: \`_boot_config\`.`,
  },
  'bad-setting': { remedy: () => 'Correct the attribute; the message lists the valid values.' },
  'files-damaged': {
    remedy: () =>
      "Start the node again; if that does not help, a network device between head and node changes bytes, or the initramfs is older than the head's muster.",
  },
  'files-refused': {
    remedy: () => 'Read the refusal in the log of musterd, and which file sets the node has: `muster node explain`.',
  },
  'files-not-applied': {
    cause: (_situation, { about }) =>
      `The file ${about?.name ?? ''} of the file sets cannot be placed in the root: ${about?.have ?? 'see its timeline'}.`,
    remedy: situation =>
      `Correct the file in its set (\`muster node explain\` names the set), or what the image ${imageOf(situation)} lacks for it.`,
  },
  'script-failed': {
    cause: (_situation, { about }) =>
      `The required script ${about?.name ?? ''} of a file set failed (${about?.have ?? 'no status'}).`,
    remedy: () =>
      'Its last output is on the timeline (`muster node timeline`). Correct the script, or make it not required.',
  },
  'no-tls-client': {
    remedy: situation =>
      `Install curl or openssl into the image ${imageOf(situation)}: secret files are sent over TLS only.`,
  },
  'node-failed': { remedy: () => 'Read its timeline (`muster node timeline`) and its console.' },
} as const satisfies Partial<Record<Fault, ErrorRule>>;

function kernelOf(situation: Case, reported: string | number | undefined): string {
  return String(reported ?? releaseOf(situation)) || 'of its boot config';
}
