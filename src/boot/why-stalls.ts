// The faults that nobody reported: what silence after a stage means, given what was seen before it. One row each.
import type { BootEvent } from './boot.ts';
import type { Stage } from './journey.ts';
import type { Case } from './why-case.ts';
import { arpWords } from './why-route.ts';
import { configOf, either, otherLoaders, releaseOf, type StallRule } from './why-rules.ts';
import { SYSTEM_STALLS } from './why-system-stalls.ts';
import { mebibytes, span } from './why-words.ts';

const last = ({ boot }: Case, stage: Stage): BootEvent | undefined =>
  boot.events.findLast(event => event.stage === stage && event.detail !== undefined);
/** The newest transfer of a stage. */
const sent = ({ boot }: Case, stage: Stage): BootEvent | undefined =>
  boot.events.findLast(event => event.stage === stage && event.complete !== undefined);
const count = ({ boot }: Case, stage: Stage): number => boot.events.filter(event => event.stage === stage).length;

/** Patience for certain causes, in seconds: the time from the kernel to its first report, with a margin. */
const CERTAIN = 30;

/** The first row whose stage is the last one reached and that fits. */
export const STALL_RULES: readonly StallRule[] = [
  {
    name: 'offer-not-taken',
    after: ['offered'],
    cause: situation =>
      `It asked for an address ${times(count(situation, 'offered'))} and accepted no offer: the offers do not reach it, or it prefers another server's.`,
    remedy: () =>
      'Set its switch port to forward at once (spanning tree: portfast, edge port), check that the relay agent forwards answers, and look for another DHCP server on the boot network (`muster doctor`).',
    settle: () => "watch the node's switch port: `tcpdump -ni IFACE port 67 or port 68`",
  },
  {
    name: 'loader-not-asked-for',
    after: ['addressed'],
    cause: situation =>
      `Its firmware got its address and never asked for the loader${by(situation)}.${arpWords(situation)}`,
    remedy: ({ boot }) =>
      `Open ${boot.arch?.startsWith('http') ? 'http.port (TCP)' : 'UDP port 69 (TFTP)'} in the firewall of the head and of every router between; with another DHCP server on the network, its file name may have won, or it gives a wrong subnet mask or router.`,
    settle: () => 'watch the head while the node boots: `tcpdump -ni IFACE port 69 or port 8080`',
  },
  {
    name: 'wrong-loader',
    after: ['loader'],
    when: ({ loaderProblem }) => loaderProblem !== undefined,
    patience: () => 5,
    cause: ({ loaderProblem }) => `Its firmware cannot run the loader that it got: ${loaderProblem}.`,
    remedy: ({ boot }) =>
      `Correct loaders.${(boot.arch ?? 'NAME').replace(/^http-/, '')} in the configuration, or remove it so that muster finds the file. Then restart musterd.`,
  },
  {
    name: 'loader-does-not-start',
    after: ['loader'],
    cause: situation =>
      `It has its loader (${last(situation, 'loader')?.detail ?? 'sent whole'}), but the loader sent nothing: Secure Boot rejects it, it has no driver for the card, or it is for another firmware.`,
    remedy: situation => `Try another loader: ${either(otherLoaders(situation))}.`,
    settle: () => "read the node's screen, and check whether Secure Boot is on in its firmware",
  },
  {
    name: 'script-not-asked-for',
    after: ['ipxe'],
    cause: situation =>
      `iPXE has its address and the URL of its script${url(situation.boot.events.findLast(event => event.stage === 'ipxe'))}, and no request reached that port: a firewall blocks it, or another server's answer won.${arpWords(situation)}`,
    remedy: () =>
      'Open http.port (TCP) in the firewall of the head, and of every router between: `muster doctor` looks at the rules of the head. When another server gives the address (dhcp.mode = "proxy"), check the subnet mask and the router that it gives.',
    settle: () => "open that URL on a machine of the node's network",
  },
  {
    name: 'kernel-not-fetched',
    after: ['script'],
    cause: () =>
      'iPXE has its script, but no kernel was sent completely: it stopped with an error, or the download is very slow or has stopped.',
    remedy: situation =>
      `Check the cable, the switch port and the memory of the node.${otherLoaders(situation, 'grub').map(words => ` If iPXE's driver does not fit the card, ${words} uses the firmware's.`)}`,
    settle: () =>
      "read the node's screen: it shows iPXE's message, or a percentage that rises very slowly or not at all",
  },
  {
    name: 'kernel-cut-off',
    after: ['kernel'],
    when: situation => sent(situation, 'kernel')?.complete === false,
    cause: situation => `The transfer of kernel or initramfs failed: ${sent(situation, 'kernel')?.detail}.`,
    remedy: () => 'Check the network between head and node, and whether the node was switched off.',
    settle: () => 'boot the node again and see whether the transfer succeeds',
  },
  {
    name: 'initramfs-not-fetched',
    after: ['kernel'],
    when: ({ boot }) => !boot.events.some(({ file, complete }) => file === 'initramfs' && complete),
    cause: () =>
      'It has its kernel, but its initramfs was not sent completely: its loader stopped, or its memory is too small.',
    remedy: () => 'Give the node more memory or a smaller initramfs, and check the network between head and node.',
    settle: () => "read iPXE's message on the node's screen",
  },
  {
    name: 'initramfs-of-another-kernel',
    after: ['kernel'],
    when: situation => {
      const { releases } = situation.initramfs ?? { releases: [] };
      return releaseOf(situation) !== '' && releases.length > 0 && !releases.includes(releaseOf(situation));
    },
    patience: () => CERTAIN,
    cause: situation =>
      `Its initramfs reported nothing: it was built for the kernel ${situation.initramfs?.releases.join(', ')}, and the node boots ${releaseOf(situation)}, so none of its modules fit, including the network card's.`,
    remedy: situation => `Build both from the image: muster mkramfs --update ${configOf(situation)}.`,
  },
  {
    name: 'initramfs-lacks-driver',
    after: ['kernel'],
    when: ({ initramfs }) => initramfs?.driver !== undefined && 'lacks' in initramfs.driver,
    patience: () => CERTAIN,
    cause: situation =>
      `Its initramfs reported nothing: it has no driver for the node's network card, ${situation.boot.card}, for the kernel ${releaseOf(situation)}.`,
    remedy: situation =>
      `Install the whole kernel package into the image (not one for virtual machines), then rebuild the initramfs: muster mkramfs --update ${configOf(situation)}. The console shows the same error.`,
  },
  {
    name: 'no-initramfs-report',
    after: ['kernel'],
    cause: ({ initramfs }) =>
      `It has kernel and initramfs, but its initramfs reported nothing: the kernel panicked or hangs, its memory is too small to unpack the initramfs, ${
        initramfs?.driver ? 'its link is down' : 'its initramfs is for another kernel'
      }, or ${initramfs?.driver ? 'its cmdline starts another program' : 'it has no driver for the network card'}.`,
    remedy: situation => `Rebuild the initramfs from the image: muster mkramfs --update ${configOf(situation)}.`,
    settle: () => 'read its console (a serial one: add console=ttyS0,115200 to the cmdline)',
  },
  {
    name: 'image-stopped',
    after: ['initramfs', 'image'],
    when: situation => situation.transfer !== undefined || sent(situation, 'image')?.complete === false,
    patience: ({ transfer }) => (transfer?.state === 'running' ? 0 : 30),
    cause: situation =>
      `The transfer of its image stopped: ${sentWords(situation)}, and nothing for ${span(situation.transfer?.idle ?? situation.quiet)}. It was unplugged or switched off, or has hung.`,
    remedy: ({ power }) =>
      `Check its cable and its switch port${power && 'state' in power ? ', and read its console' : ', and whether it has power'}. If the node is alive, the transfer resumes by itself.`,
    settle: ({ power }) =>
      power && 'state' in power
        ? 'read its console, and check the state of its switch port'
        : 'check whether it has power and a link',
  },
  {
    name: 'image-not-asked-for',
    after: ['initramfs'],
    cause: () => 'Its initramfs reported, but never requested the image.',
    remedy: () => 'Boot it with muster.shell on the kernel command line: a failed boot then opens a shell.',
    settle: () => 'read its console',
  },
  {
    name: 'root-not-ready',
    after: ['image'],
    // Covers the image and its unpacking, at 10 MB/s at least.
    patience: ({ boot }) => 90 + (boot.plan?.image?.unpacked ?? 0) / 10_000_000,
    cause: situation =>
      `It has its image (${last(situation, 'image')?.detail ?? 'sent whole'}), but never reported that its root is ready: it hangs while it verifies, unpacks or mounts it, or has run out of memory.`,
    remedy: () => 'Boot it with muster.shell on the kernel command line: a failed boot then opens a shell.',
    settle: () => 'read its console',
  },
  ...SYSTEM_STALLS,
];

/** How its firmware fetches a loader. */
function by({ boot }: Case): string {
  if (boot.arch === undefined) return '';
  return boot.arch.startsWith('http') ? ' by HTTP' : ' by TFTP';
}

const times = (number: number): string => (number === 1 ? 'once' : `${number} times`);

/** The URL of the script, which the ACK for iPXE contained. */
function url(event: BootEvent | undefined): string {
  return event?.about?.name === undefined ? '' : ` (${event.about.name})`;
}

function sentWords({ transfer, boot }: Case): string {
  const size = transfer?.size ?? boot.plan?.image?.size;
  const done =
    transfer?.done ?? boot.events.reduce((sum, event) => sum + (event.stage === 'image' ? (event.bytes ?? 0) : 0), 0);
  return `${size === undefined ? '' : `${mebibytes(done)} of ${mebibytes(size)} MiB were sent`}`;
}
