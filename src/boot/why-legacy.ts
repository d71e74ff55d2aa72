// Facts of events that are text only: timelines stored by an older muster, and reports of an initramfs it built.
// Nothing else may parse text. A new event states its fault, and has no row here.
import type { Boot, BootEvent } from './boot.ts';
import { type BootFileName, type EventFacts, type Fault, faultOfNode } from './faults.ts';
import type { Stage } from './journey.ts';

interface Row {
  fault: Fault;
  says: RegExp;
  /** Only in an error of this stage. */
  stage?: Stage;
  file?: BootFileName;
}

/** The first match. */
const WORDS: readonly Row[] = [
  { fault: 'other-dhcp-server', says: /another DHCP server|took the offer of (?<name>[\d.]+)/ },
  { fault: 'address-in-use', says: /another machine on the boot network uses that address/ },
  { fault: 'no-loader-for-firmware', says: /no (?:loader|GRUB) for this firmware/ },
  { fault: 'loader-lacks-its-file', stage: 'loader', says: /No file '(?<name>.*)' is served/ },
  { fault: 'short-file', says: /the head's stored (?<file>\w+)(?: \S+)? has (?<have>\d+) of (?<want>\d+) bytes/ },
  {
    fault: 'unreadable-file',
    says: /the head cannot (?:read|open) the stored (?<file>\w+)|the head cannot (?:read|open)/,
  },
  { fault: 'loader-gave-up', says: /^iPXE could not get or start kernel and initramfs/ },
  { fault: 'cut-off', stage: 'loader', file: 'loader', says: /^TFTP / },
  { fault: 'kernel-for-other-processor', stage: 'script', says: /^the kernel of the boot config .* is for / },
  { fault: 'nothing-to-boot', stage: 'script', says: /./ },
  { fault: 'image-damaged', file: 'image', says: /SHA-256/ },
  { fault: 'too-little-memory', says: /too little memory|so is the memory/ },
  { fault: 'no-space', says: /does not fit|No space left|has no room/ },
  { fault: 'wrong-disk', says: /(?<name>_disk_root|_disk_layout)/ },
  { fault: 'no-network-driver', says: /no network interface has the hardware address/ },
  { fault: 'no-link', says: /has no link/ },
  { fault: 'iscsi-target-missing', stage: 'image', says: /iSCSI.*not found|it wants \S+, and its image is|no target/i },
  { fault: 'iscsi-secret-wrong', stage: 'image', says: /authorization|CHAP/i },
  { fault: 'iscsi-refused', says: /iSCSI login|iSCSI.*refused|refused the iSCSI/ },
  { fault: 'kernel-lacks-module', says: /has no kernel module (?<name>\S+):|kernel cannot mount an (?<name2>overlay)/ },
  { fault: 'image-not-mounted', says: /no squashfs that this kernel knows/ },
  { fault: 'initramfs-lacks-part', says: /this initramfs (?:does not know|has no|lacks|cannot)/ },
  { fault: 'image-lacks-folder', says: /has no folder (?<name>\/\w+)/ },
  { fault: 'no-init', says: /has no (?<name>\/sbin\/init)/ },
  { fault: 'session-over', says: /session is over/ },
  { fault: 'download-stopped', file: 'image', says: /gave up the download/ },
  { fault: 'head-unreachable', says: /head cannot be reached/ },
];

/** The stages that an initramfs reports, and how the head's own errors about them begin. */
const IS_REPORTED: ReadonlySet<Stage> = new Set(['initramfs', 'image', 'root']);
const OF_HEAD = /^(?:iSCSI login refused|the head's stored|the head cannot)/;

/** `kernel in 0.2 s`, `image from byte 9 in 3.0 s, cut off after 1000 bytes`. */
const TRANSFER = /^(?<file>kernel|initramfs|image)(?: from byte \d+)? in [\d.]+ s(?<cut>, cut off after \d+ bytes)?$/;

/** Returns the facts in the text of an error, as an older muster worded it. */
function factsOfWords(stage: Stage, error: string): EventFacts {
  for (const row of WORDS) {
    if (row.stage && row.stage !== stage) continue;
    const { name, name2, have, want, file } = row.says.exec(error)?.groups ?? {};
    if (!row.says.test(error)) continue;
    const about = {
      ...((name ?? name2) !== undefined && { name: name ?? name2 }),
      ...(have !== undefined && { have: Number(have), want: Number(want) }),
    };
    const what = row.file ?? fileOf(file);
    return { fault: row.fault, ...(what && { file: what }), ...(Object.keys(about).length > 0 && { about }) };
  }
  return {};
}

/** Returns the facts in a report of an older initramfs, without the faults that only the head may name. */
export function factsOfNodesWords(stage: Stage, error: string): EventFacts {
  const { fault, ...more } = factsOfWords(stage, error);
  return faultOfNode(fault) ? { fault, ...more } : {};
}

/** Returns a stored boot, each event with the facts that only its text had. */
export function withFacts(boot: Boot): Boot {
  return { ...boot, events: boot.events.map(event => ({ ...factsOf(event), ...event })) };
}

function factsOf({ stage, error, detail, fault, file, complete }: BootEvent): EventFacts {
  if (error !== undefined) {
    if (fault) return {};
    return {
      ...factsOfWords(stage, error),
      ...(IS_REPORTED.has(stage) && !OF_HEAD.test(error) && { by: 'node' as const }),
    };
  }
  if (file !== undefined || complete !== undefined || detail === undefined) return {};
  const sent = TRANSFER.exec(detail)?.groups;
  const what = fileOf(sent?.['file']);
  if (what) return { file: what, complete: sent?.['cut'] === undefined };
  return stage === 'loader' ? { file: 'loader', complete: true } : {};
}

function fileOf(name: string | undefined): BootFileName | undefined {
  return name === 'kernel' || name === 'initramfs' || name === 'image' || name === 'loader' ? name : undefined;
}
