// The faults that `why` knows by name: what an error says, and what silence after a stage means. One row each.
import type { Stage } from './journey.ts';
import type { Case } from './why.ts';

interface ErrorRule {
  name: string;
  /** Only when the boot is stuck there. */
  stage?: Stage;
  says: RegExp;
  remedy(situation: Case): string;
}

const image = ({ boot }: Case): string => boot.plan?.image?.name ?? 'NAME';
const config = ({ boot }: Case): string => boot.plan?.bootConfig.name ?? 'NAME';

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
    name: 'iscsi-refused',
    says: /iSCSI login|iSCSI.*refused|refused the iSCSI/,
    remedy: () =>
      'Boot it again: the secret belongs to one boot. When it is refused again, the reason is in the log of the head.',
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
    says: /the head cannot (read|open)/,
    remedy: situation =>
      `Look at the disk of the head (\`muster storage ls\`), and upload the file anew if it is gone, such as content of the image ${image(situation)}.`,
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

interface StallRule {
  name: string;
  after: Stage;
  when?: (situation: Case) => boolean;
  cause(situation: Case): string;
  remedy: string;
}

const details = ({ boot }: Case, stage: Stage): string[] =>
  boot.events.filter(event => event.stage === stage).flatMap(event => event.detail ?? []);
const count = ({ boot }: Case, stage: Stage): number => boot.events.filter(event => event.stage === stage).length;

/** The first whose stage was the last one seen. */
export const STALL_RULES: readonly StallRule[] = [
  {
    name: 'offer-not-taken',
    after: 'offered',
    cause: situation =>
      `It asked for an address ${count(situation, 'offered')} times and took none of the offers: they do not reach it, or it prefers another server's.`,
    remedy:
      'Set its switch port to forward at once (spanning tree: portfast, edge port), check that the relay agent passes answers on, and look for another DHCP server on the boot network.',
  },
  {
    name: 'loader-not-asked-for',
    after: 'addressed',
    cause: () => 'Its firmware got its address and never asked for the loader.',
    remedy:
      'Open UDP port 69 (TFTP), or http.port for HTTP boot, in the firewall of the head and of every router between; with another DHCP server on the network, its file name may have won.',
  },
  {
    name: 'loader-cut-off',
    after: 'loader',
    when: situation => details(situation, 'loader').some(text => /cut off|not sent|aborted/i.test(text)),
    cause: situation => `Its loader did not get through: ${details(situation, 'loader').at(-1)}.`,
    remedy: 'Check the MTU and the duplex of the path: large TFTP blocks are the first to be lost.',
  },
  {
    name: 'loader-does-not-start',
    after: 'loader',
    cause: situation =>
      `It has its loader (${details(situation, 'loader').at(-1) ?? 'sent whole'}), and the loader never spoke: it is for another firmware, Secure Boot refuses it, or it has no driver for the card.`,
    remedy:
      "Look at the node's screen. Try another loader: `_boot_loader=grub`, or ipxe.efi in place of snponly.efi under [loaders]; with Secure Boot, a signed one.",
  },
  {
    name: 'script-not-asked-for',
    after: 'ipxe',
    cause: () => 'iPXE got its address and the URL of its script, and never asked for it.',
    remedy: 'Open http.port (TCP) in the firewall of the head: that is where iPXE goes next.',
  },
  {
    name: 'kernel-not-fetched',
    after: 'script',
    cause: () => 'iPXE has its script and fetched no kernel: it stopped with an error of its own.',
    remedy: "Look at the node's screen for iPXE's message; often its memory is too small for kernel and initramfs.",
  },
  {
    name: 'kernel-cut-off',
    after: 'kernel',
    when: situation => details(situation, 'kernel').some(text => /cut off/.test(text)),
    cause: situation => `Kernel or initramfs did not get through: ${details(situation, 'kernel').at(-1)}.`,
    remedy: 'Check the network between head and node, and whether the node was switched off meanwhile.',
  },
  {
    name: 'no-initramfs-report',
    after: 'kernel',
    cause: () =>
      'It has kernel and initramfs, and its initramfs never spoke: the kernel panicked, its initramfs is for another kernel, or it has no driver for the network card.',
    remedy:
      'Look at its console (a serial one: add console=ttyS0,115200 to the cmdline). Make the initramfs again from the image: muster mkramfs --update.',
  },
  {
    name: 'image-not-asked-for',
    after: 'initramfs',
    cause: () => 'Its initramfs spoke and never asked for the image.',
    remedy: 'Look at its console; with muster.shell on the kernel command line a failed boot gives a shell.',
  },
  {
    name: 'image-stopped',
    after: 'image',
    cause: ({ boot, quiet }) =>
      `The image stopped on its way: ${fetched(
        boot.events.reduce((sum, event) => sum + (event.stage === 'image' ? (event.bytes ?? 0) : 0), 0),
        boot.plan?.image?.size,
      )}, and nothing for ${Math.round(quiet)} s.`,
    remedy: 'The node was switched off or its network broke: if it is alive it goes on by itself where it stopped.',
  },
  {
    name: 'agent-not-started',
    after: 'root',
    cause: () =>
      'Its root was ready, and the system in the image never sent a heartbeat: it hangs in its start, or panicked.',
    remedy: 'Look at its console for the unit that hangs. The agent is started by systemd as muster-agent.service.',
  },
];

function fetched(bytes: number, size: number | undefined): string {
  const mebibytes = (count: number): string => `${(count / 2 ** 20).toFixed(0)} MiB`;
  return size === undefined ? mebibytes(bytes) : `${mebibytes(bytes)} of ${mebibytes(size)} were sent`;
}
