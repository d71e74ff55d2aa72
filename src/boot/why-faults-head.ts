// Faults that the head saw: what DHCP, TFTP, HTTP and iSCSI logged about a boot, and the files the head stores.
import type { BootEvent } from './boot.ts';
import { type BootFileName, type Fault, STORAGE } from './faults.ts';
import { ipxeError } from './ipxe-errors.ts';
import type { Case } from './why-case.ts';
import { configOf, type ErrorRule, either, imageOf, otherLoaders } from './why-rules.ts';
import { sentence } from './why-words.ts';

/** The head knows why it refuses a login; the node gets only a number. */
export const LOGIN: readonly Fault[] = ['iscsi-target-missing', 'iscsi-secret-wrong'];

export const HEAD_FAULT_RULES = {
  'other-dhcp-server': {
    remedy: (_, { about }) =>
      `Stop that server${about?.name ? ` (${about.name})` : ''} or keep it off the boot network: with two DHCP servers a node takes the first answer.`,
  },
  'other-address': {
    remedy: (_, { about }) =>
      `Give the node the address ${about?.want ?? ''} in that server, or set the address that it has there in muster: \`muster node update ip=${about?.have ?? '…'}\`.`,
  },
  'address-in-use': {
    remedy: () =>
      'Find that machine by its address (`ip neigh` on the head), or give the node another: `muster node update ip=…`.',
  },
  'wrong-network': {
    remedy: () =>
      'Plug it into the network of its address, or give it an address of this one: `muster node update ip=…`.',
  },
  'no-loader-for-firmware': {
    remedy: () =>
      'Install that package on the head, or name a file under [loaders] in its configuration, and restart musterd.',
  },
  'loader-lacks-its-file': {
    cause: (_, { about }) =>
      `Its loader asks for a file that muster does not serve: ${about?.name ?? 'see its timeline'}.`,
    remedy: situation =>
      `Set iPXE under [loaders], or leave it unset so that muster finds it. PXELINUX and syslinux.efi need more files and cannot run muster's scripts.${otherLoaders(situation, 'grub').map(words => ` If iPXE fails on the node: ${words}.`)}`,
  },
  'request-refused': {
    remedy: situation =>
      sentence(
        either([
          'set iPXE under [loaders], or leave it unset so that muster finds it',
          ...otherLoaders(situation, 'grub').map(words => `try ${words}`),
        ]),
      ),
  },
  'cut-off': {
    rule: 'loader-cut-off',
    cause: (_, { error }) => `The transfer of its loader failed: ${error}.`,
    remedy: () => 'Check the MTU and the duplex of the path. Large TFTP blocks get lost first.',
    settle: () => 'boot the node again and see whether the transfer succeeds',
  },
  'short-file': { rule: 'head-cannot-read', remedy: again },
  'unreadable-file': { rule: 'head-cannot-read', remedy: readable },
  'nothing-to-boot': {
    remedy: () =>
      'Set what is missing; the node retries by itself. `muster node explain` shows where each value comes from.',
  },
  'bad-answers': {
    remedy: situation =>
      `Correct the kickstart file of the boot config ${configOf(situation)} at the place that the message names.`,
  },
  'files-do-not-render': {
    remedy: ({ name }) =>
      `Correct the file set at the place that the message names; the node retries by itself. \`muster boot explain ${name}\` renders its files again.`,
  },
  'initramfs-too-old': {
    remedy: (situation, { about }) =>
      `Make the initramfs again: \`muster mkramfs --update ${about?.name ?? configOf(situation)}\`. The node retries by itself.`,
  },
  'kernel-for-other-processor': {
    remedy: () =>
      'Give it a boot config whose kernel, initramfs and image are for its processor: set `_boot_config` on the node, or on a group of such machines.',
  },
  'loader-gave-up': {
    cause: (_, { about, error = '' }) => {
      const known = ipxeError(about?.name);
      return known
        ? `iPXE could not get or start kernel and initramfs in five tries: ${known.means} (https://ipxe.org/${about?.name}).`
        : sentence(error);
    },
    remedy: (_, { about }) =>
      ipxeError(about?.name)?.remedy ??
      `Look at the node's screen${about?.name ? ` and at https://ipxe.org/${about.name}` : ''}: too little memory for kernel and initramfs, a kernel that its firmware refuses, or a bad link.`,
    settle: (_, { about }) => (ipxeError(about?.name) ? undefined : "read iPXE's message on the node's screen"),
    because: STORAGE,
  },
  'session-over': {
    remedy: () => 'It retries by itself. Another boot of the node, or of a machine with its address, has begun since.',
  },
  'iscsi-target-missing': {
    cause: (_, event) => `The head refused its iSCSI login, because it has no such target: ${login(event)}.`,
    remedy: () =>
      'Boot it again: the new session names the right target. If that does not help, its boot config names a different image than the node got.',
  },
  'iscsi-secret-wrong': {
    cause: (_, event) => `The head refused its iSCSI login, because its secret is wrong: ${login(event)}.`,
    remedy: () =>
      "Boot it again: each secret belongs to one boot and to the head's key. If it is refused again, head.key differs from the key that musterd runs with (restart musterd), or another machine uses the node's address.",
    because: LOGIN,
  },
  'iscsi-refused': {
    remedy: () =>
      'Boot it again. If it is refused again, the log of the head has the reason. If nothing answers, check that the firewall of the head admits iscsi.port.',
    because: [...LOGIN, ...STORAGE],
  },
} as const satisfies Partial<Record<Fault, ErrorRule>>;

function login({ about, error = '' }: BootEvent): string {
  return (about?.name ?? error).replace(/[.;].*$/s, '');
}

function again(situation: Case, event: BootEvent): string {
  return `Look at the disk of the head (\`muster doctor\` checks all stored files), and upload the file again: ${commandOf(situation, event)}. When the whole disk is lost: \`muster restore\`.`;
}

function commandOf(situation: Case, { file }: BootEvent): string {
  const place = file === undefined ? undefined : UPLOADED[file];
  return place?.(situation) ?? 'the files that `muster doctor` names';
}

/** What lets the head read a file again, by the code of the system's error. */
function readable(situation: Case, event: BootEvent): string {
  const { name: code, have } = event.about ?? {};
  const path = typeof have === 'string' && have.startsWith('/') ? have : undefined;
  const file = path ?? 'the file';
  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return `Let the user that musterd runs as read ${file}: \`chown muster: ${path ?? 'FILE'}\`, and \`namei -l ${path ?? 'FILE'}\` shows the folders above it. When those are right, a security policy denies it (\`restorecon -v ${path ?? 'FILE'}\`, \`journalctl -k\`).`;
    case 'EIO':
    case 'EUCLEAN':
    case 'ESTALE':
      return `The disk of the head returns errors for ${file}: read which ones (\`dmesg -T\`), and repair or replace it. Then bring the file back: ${commandOf(situation, event)}.`;
    case 'EMFILE':
    case 'ENFILE':
      return 'Raise LimitNOFILE in its unit (`systemctl edit musterd`) and restart musterd. Then boot the node again.';
    default:
      return again(situation, event);
  }
}

const UPLOADED: Partial<Record<BootFileName, (situation: Case) => string>> = {
  kernel: situation => `muster boot -i ${configOf(situation)} update kernel=@FILE`,
  initramfs: situation => `muster mkramfs --update ${configOf(situation)}`,
  image: situation => `muster image -i ${imageOf(situation)} update content=@FILE`,
  loader: () => "reinstall the loader's package",
};
