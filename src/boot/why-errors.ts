// The faults that somebody told: the head, iPXE or the initramfs. One row each, by the words of the error.
import type { Stage } from './journey.ts';
import type { Case } from './why-case.ts';

interface ErrorRule {
  name: string;
  /** Only when the boot is stuck there. */
  stage?: Stage;
  says: RegExp;
  /** In place of the error's own words. */
  cause?(situation: Case): string;
  remedy(situation: Case): string;
}

const image = ({ boot }: Case): string => boot.plan?.image?.name ?? 'NAME';
const config = ({ boot }: Case): string => boot.plan?.bootConfig.name ?? 'NAME';

/** The head knows why it refuses a login; the node is told a number. */
function iscsiWords({ boot, error }: Case): string {
  const own = boot.events.findLast(event => event.error?.startsWith('iSCSI login refused: '))?.error;
  return (own ?? error?.error ?? '').replace(/^iSCSI login refused: /, '').replace(/[.;].*$/, '');
}

/** The first that fits. The cause is the error itself, which its reporter worded for people. */
export const ERROR_RULES: readonly ErrorRule[] = [
  {
    name: 'other-dhcp-server',
    says: /another DHCP server|took the offer of/,
    remedy: () => 'Stop that server or keep it off the boot network: two of them give a node whatever comes first.',
  },
  {
    name: 'address-in-use',
    says: /another machine on the boot network uses that address/,
    remedy: () =>
      'Find that machine by its address (`ip neigh` on the head), or give the node another: `muster node update ip=…`.',
  },
  {
    name: 'no-loader-for-firmware',
    says: /no (loader|GRUB) for this firmware/,
    remedy: () =>
      'Install that package on the head, or name a file under [loaders] in its configuration, and restart musterd.',
  },
  {
    name: 'loader-lacks-its-file',
    stage: 'loader',
    says: /No file '.*' is served/,
    cause: ({ error }) =>
      `Its loader asks for a file that muster does not serve: ${/'(.*)'/.exec(error?.error ?? '')?.[1] ?? 'see its timeline'}.`,
    remedy: () =>
      'Name iPXE under [loaders], or nothing, so that it is found: PXELINUX and syslinux.efi need files beside them, and know no script of muster. A node on which iPXE fails: `_boot_loader=grub`.',
  },
  {
    name: 'kernel-for-other-processor',
    stage: 'script',
    says: /^the kernel of the boot config .* is for /,
    remedy: () =>
      'Give it a boot config whose kernel, initramfs and image are for its processor: `_boot_config` on the node, or on a group of such machines.',
  },
  {
    name: 'nothing-to-boot',
    stage: 'script',
    says: /./,
    remedy: () =>
      'Set what is missing; the node asks again by itself. `muster node explain` shows where each value comes from.',
  },
  {
    name: 'image-damaged',
    says: /SHA-256/,
    remedy: situation =>
      `Upload the image anew: muster image -i ${image(situation)} update content=@FILE. When that does not help, a network device between head and node changes bytes.`,
  },
  {
    name: 'too-little-memory',
    says: /too little memory|does not fit|so is the memory/,
    remedy: () => 'Give the node more memory, a smaller image, or a style that needs less: roram, iscsi, or disked.',
  },
  {
    name: 'wrong-disk',
    says: /_disk_root|_disk_layout/,
    remedy: () => 'Correct the attribute; the message lists what the node has. Nothing was changed on its disks.',
  },
  {
    name: 'no-network-driver',
    says: /no network interface has the hardware address/,
    remedy: situation =>
      `Install the kernel's whole package into the image, and make the initramfs again: muster mkramfs --update ${config(situation)}.`,
  },
  {
    name: 'no-link',
    says: /has no link/,
    remedy: () => 'Check the cable and the switch port.',
  },
  {
    name: 'iscsi-target-missing',
    says: /not found|it wants \S+, and its image is|no target/i,
    stage: 'image',
    cause: situation => `The head refused its iSCSI login, because it has no such target: ${iscsiWords(situation)}.`,
    remedy: () =>
      'Boot it again: it gets the name of the target with its session. When that does not help, its boot config names another image than it got.',
  },
  {
    name: 'iscsi-secret-wrong',
    says: /authorization|CHAP/i,
    stage: 'image',
    cause: situation =>
      `The head refused its iSCSI login, because its secret is not the head's: ${iscsiWords(situation)}.`,
    remedy: () =>
      "Boot it again: the secret belongs to one boot and to the head's key. When it is refused again, head.key is not the one that musterd runs with (restart musterd), or another machine uses the node's address.",
  },
  {
    name: 'iscsi-refused',
    says: /iSCSI login|iSCSI.*refused|refused the iSCSI/,
    remedy: () =>
      'Boot it again. When it is refused again, the reason is in the log of the head; when nobody answers, look at iscsi.port in its firewall.',
  },
  {
    name: 'kernel-and-initramfs-differ',
    says: /has no kernel module|no squashfs that this kernel knows|kernel cannot mount an overlay/,
    remedy: situation =>
      `Kernel and initramfs are not of one version, or the kernel lacks the module: muster mkramfs --update ${config(situation)} makes both from the image.`,
  },
  {
    name: 'initramfs-lacks-part',
    says: /this initramfs (does not know|has no|lacks|cannot)/,
    remedy: situation => `Make it again with what the message names: muster mkramfs --update ${config(situation)}.`,
  },
  {
    name: 'image-not-bootable',
    says: /has no folder|has no \/sbin\/init/,
    remedy: situation => `Mend the image ${image(situation)}; the message says what it lacks.`,
  },
  {
    name: 'session-over',
    says: /session is over/,
    remedy: () => 'It boots again by itself: another boot of the node, or a machine with its address, has begun since.',
  },
  {
    name: 'head-cannot-read',
    says: /the head cannot (read|open)|the head's stored .* has \d+ of \d+ bytes/,
    remedy: situation =>
      `Look at the disk of the head (\`muster doctor\` looks at all stored files); upload the file anew if it is gone or too short (kernel and initramfs of the boot config ${config(situation)}, content of the image ${image(situation)}), or bring the head back: muster restore.`,
  },
  {
    name: 'download-stopped',
    says: /gave up the download|head cannot be reached/,
    remedy: () => 'Check the network between head and node, and whether a firewall on the head closes http.port.',
  },
  {
    name: 'out-of-space-on-node',
    says: /No space left|has no room/,
    remedy: () => 'The partition or the memory for the root is too small for the image.',
  },
];
