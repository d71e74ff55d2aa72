// The faults that nobody told: what silence after a stage means, by what was seen before it. One row each.
import type { Stage } from './journey.ts';
import type { Case } from './why-case.ts';
import { mebibytes, span } from './why-words.ts';

interface StallRule {
  name: string;
  /** The last stage that was seen. */
  after: readonly Stage[];
  when?: (situation: Case) => boolean;
  /** Seconds of silence that say so, where that differs from what the stage may take. */
  patience?: (situation: Case) => number;
  cause(situation: Case): string;
  remedy(situation: Case): string;
}

const details = ({ boot }: Case, stage: Stage): string[] =>
  boot.events.filter(event => event.stage === stage).flatMap(event => event.detail ?? []);
const count = ({ boot }: Case, stage: Stage): number => boot.events.filter(event => event.stage === stage).length;
const config = ({ boot }: Case): string => boot.plan?.bootConfig.name ?? 'NAME';
const release = ({ boot }: Case): string => boot.plan?.bootConfig.release ?? '';

/** What is known for certain is said soon, in seconds: after the time that a kernel takes to its first report, with room. */
const CERTAIN = 30;

/** The first whose stage was the last one seen, and that fits. */
export const STALL_RULES: readonly StallRule[] = [
  {
    name: 'offer-not-taken',
    after: ['offered'],
    cause: situation =>
      `It asked for an address ${times(count(situation, 'offered'))} and took none of the offers: they do not reach it, or it prefers another server's.`,
    remedy: () =>
      'Set its switch port to forward at once (spanning tree: portfast, edge port), check that the relay agent passes answers on, and look for another DHCP server on the boot network (`muster doctor`).',
  },
  {
    name: 'loader-not-asked-for',
    after: ['addressed'],
    cause: ({ boot }) =>
      `Its firmware got its address and never asked for the loader${boot.arch?.startsWith('http') ? ' by HTTP' : boot.arch ? ' by TFTP' : ''}.`,
    remedy: ({ boot }) =>
      `Open ${boot.arch?.startsWith('http') ? 'http.port (TCP)' : 'UDP port 69 (TFTP)'} in the firewall of the head and of every router between; with another DHCP server on the network, its file name may have won.`,
  },
  {
    name: 'loader-cut-off',
    after: ['loader'],
    when: situation => /cut off|not sent|aborted/i.test(details(situation, 'loader').at(-1) ?? ''),
    cause: situation => `Its loader did not get through: ${details(situation, 'loader').at(-1)}.`,
    remedy: () => 'Check the MTU and the duplex of the path: large TFTP blocks are the first to be lost.',
  },
  {
    name: 'wrong-loader',
    after: ['loader'],
    when: ({ loaderProblem }) => loaderProblem !== undefined,
    patience: () => 5,
    cause: ({ loaderProblem }) => `It got a loader that its firmware cannot run: ${loaderProblem}.`,
    remedy: ({ boot }) =>
      `Correct loaders.${(boot.arch ?? 'NAME').replace(/^http-/, '')} in the configuration, or take it out, so that muster finds the file by itself; then restart musterd.`,
  },
  {
    name: 'loader-does-not-start',
    after: ['loader'],
    cause: situation =>
      `It has its loader (${details(situation, 'loader').at(-1) ?? 'sent whole'}), and the loader never spoke: Secure Boot refuses it, it has no driver for the card, or it is for another firmware.`,
    remedy: () =>
      "Look at the node's screen. Try another loader: `_boot_loader=grub`, or ipxe.efi in place of snponly.efi under [loaders]; with Secure Boot, `_boot_loader=shim`.",
  },
  {
    name: 'script-not-asked-for',
    after: ['ipxe'],
    cause: ({ boot }) =>
      `iPXE has its address and the URL of its script${url(boot.events.findLast(event => event.stage === 'ipxe')?.detail)}, and no request of it came to that port: a firewall closes it, or another server's answer won.`,
    remedy: () =>
      'Open http.port (TCP) in the firewall of the head, and of every router between: `muster doctor` looks at the rules of the head.',
  },
  {
    name: 'kernel-not-fetched',
    after: ['script'],
    cause: () =>
      'iPXE has its script, and no kernel has gone out whole: it stopped with an error of its own, or the download creeps or stands still.',
    remedy: () =>
      "Look at the node's screen. iPXE's message there: often its memory is too small for kernel and initramfs. A percentage that creeps or stands still: the cable, the switch port, or iPXE's driver for the card (`_boot_loader=grub` uses the firmware's).",
  },
  {
    name: 'kernel-cut-off',
    after: ['kernel'],
    when: situation => /cut off/.test(details(situation, 'kernel').at(-1) ?? ''),
    cause: situation => `Kernel or initramfs did not get through: ${details(situation, 'kernel').at(-1)}.`,
    remedy: () => 'Check the network between head and node, and whether the node was switched off meanwhile.',
  },
  {
    name: 'initramfs-not-fetched',
    after: ['kernel'],
    when: situation =>
      !details(situation, 'kernel').some(text => text.startsWith('initramfs') && !/cut off/.test(text)),
    cause: () =>
      'It has its kernel, and its initramfs was not sent whole: its loader stopped, or its memory is too small for it.',
    remedy: () => "Look at the node's screen for iPXE's message, and at the network between head and node.",
  },
  {
    name: 'initramfs-of-another-kernel',
    after: ['kernel'],
    when: situation => {
      const { releases } = situation.initramfs ?? { releases: [] };
      return release(situation) !== '' && releases.length > 0 && !releases.includes(release(situation));
    },
    patience: () => CERTAIN,
    cause: situation =>
      `Its initramfs never spoke: it was made for the kernel ${situation.initramfs?.releases.join(', ')}, and its kernel is ${release(situation)}, so that no module of it fits, also not that of the network card.`,
    remedy: situation => `Make both from the image: muster mkramfs --update ${config(situation)}.`,
  },
  {
    name: 'initramfs-lacks-driver',
    after: ['kernel'],
    when: ({ initramfs }) => initramfs?.driver !== undefined && 'lacks' in initramfs.driver,
    patience: () => CERTAIN,
    cause: situation =>
      `Its initramfs never spoke: it has no driver for the node's network card, ${situation.boot.card}, for the kernel ${release(situation)}.`,
    remedy: situation =>
      `Install the kernel's whole package into the image (not one for virtual machines), and make the initramfs again: muster mkramfs --update ${config(situation)}. Its console says the same.`,
  },
  {
    name: 'no-initramfs-report',
    after: ['kernel'],
    cause: ({ initramfs }) =>
      `It has kernel and initramfs, and its initramfs never spoke: the kernel panicked or hangs, its memory is too small to unpack the initramfs, ${
        initramfs?.driver ? 'its link is down' : 'its initramfs is for another kernel'
      }, or ${initramfs?.driver ? 'its cmdline starts something else' : 'it has no driver for the network card'}.`,
    remedy: () =>
      'Look at its console (a serial one: add console=ttyS0,115200 to the cmdline). Make the initramfs again from the image: muster mkramfs --update.',
  },
  {
    name: 'image-stopped',
    after: ['initramfs', 'image'],
    when: situation => situation.transfer !== undefined || /cut off/.test(details(situation, 'image').at(-1) ?? ''),
    patience: ({ transfer }) => (transfer?.state === 'running' ? 0 : 30),
    cause: situation =>
      `Its image stopped on its way: ${sentWords(situation)}, and nothing for ${span(situation.transfer?.idle ?? situation.quiet)}. It was unplugged or switched off, or has hung.`,
    remedy: ({ power }) =>
      `Check its cable and its switch port${power && 'state' in power ? ', and its console' : ', and whether it has power'}: if it is alive it goes on by itself where it stopped.`,
  },
  {
    name: 'image-not-asked-for',
    after: ['initramfs'],
    cause: () => 'Its initramfs spoke and never asked for the image.',
    remedy: () => 'Look at its console; with muster.shell on the kernel command line a failed boot gives a shell.',
  },
  {
    name: 'root-not-ready',
    after: ['image'],
    // A sum over the image and its unpacking: ten megabytes a second at least.
    patience: ({ boot }) => 90 + (boot.plan?.image?.unpacked ?? 0) / 10_000_000,
    cause: situation =>
      `It has its image (${details(situation, 'image').at(-1) ?? 'sent whole'}), and never said that its root is ready: it hangs while it verifies, unpacks or mounts it, or has run out of memory.`,
    remedy: () => 'Look at its console; with muster.shell on the kernel command line a failed boot gives a shell.',
  },
  {
    name: 'agent-not-started',
    after: ['root'],
    cause: () =>
      'Its root was ready, and the system in the image never sent a heartbeat: it hangs in its start, or panicked.',
    remedy: () =>
      'Look at its console for the unit that hangs. The agent is started by systemd as muster-agent.service.',
  },
];

const times = (number: number): string => (number === 1 ? 'once' : `${number} times`);

function url(detail: string | undefined): string {
  const found = /http:\/\/\S+/.exec(detail ?? '')?.[0];
  return found ? ` (${found})` : '';
}

function sentWords({ transfer, boot }: Case): string {
  const size = transfer?.size ?? boot.plan?.image?.size;
  const done =
    transfer?.done ?? boot.events.reduce((sum, event) => sum + (event.stage === 'image' ? (event.bytes ?? 0) : 0), 0);
  return `${size === undefined ? '' : `${mebibytes(done)} of ${mebibytes(size)} MiB were sent`}`;
}
