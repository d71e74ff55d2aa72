// The journey of a boot, defined once: every server reports its stage with it, the command line and the docs print it.
import type { LoaderName } from '../config-values.ts';
import type { EventFacts, Fault } from './faults.ts';

export interface JourneyStage {
  /** 1 to 10, the order on the wire. */
  number: number;
  name: Stage;
  /** What the wire shows. */
  wire: string;
  /** What it means for the administrator if the boot goes no further. */
  stuck: string;
}

export const STAGES = [
  'offered',
  'addressed',
  'loader',
  'ipxe',
  'script',
  'kernel',
  'initramfs',
  'image',
  'root',
  'up',
] as const;
export type Stage = (typeof STAGES)[number];

export const JOURNEY: readonly JourneyStage[] = [
  {
    number: 1,
    name: 'offered',
    wire: 'DISCOVER from the firmware, OFFER',
    stuck:
      'the offer was not taken: another DHCP server answered, or a switch port was not forwarding yet (spanning tree)',
  },
  {
    number: 2,
    name: 'addressed',
    wire: 'REQUEST, ACK',
    stuck: 'the firmware has an address and did not ask for its loader',
  },
  {
    number: 3,
    name: 'loader',
    wire: 'TFTP or HTTP: iPXE',
    stuck: 'the loader was sent and did not start: wrong architecture, or Secure Boot',
  },
  {
    number: 4,
    name: 'ipxe',
    wire: 'DISCOVER and REQUEST from iPXE, ACK with the script URL',
    stuck: 'iPXE has an address and did not ask for its script',
  },
  {
    number: 5,
    name: 'script',
    wire: 'HTTP: script; the boot session starts',
    stuck: 'iPXE has its script and did not fetch the kernel',
  },
  {
    number: 6,
    name: 'kernel',
    wire: 'HTTP: kernel, initramfs, session archive',
    stuck: 'the kernel was sent and its initramfs never reported: no network driver, or a panic',
  },
  {
    number: 7,
    name: 'initramfs',
    wire: 'first report of the node',
    stuck: 'the initramfs runs and did not fetch the image',
  },
  {
    number: 8,
    name: 'image',
    wire: 'HTTP: image (with Range), iSCSI login, or a cache hit',
    stuck: 'the image is on its way, or did not verify',
  },
  {
    number: 9,
    name: 'root',
    wire: 'report: root mounted and verified, about to switch',
    stuck: 'the system in the image did not start the agent',
  },
  { number: 10, name: 'up', wire: 'first heartbeat of the booted system', stuck: 'nothing: the node is up' },
];

export function stageNumber(stage: Stage): number {
  return STAGES.indexOf(stage) + 1;
}

/** What a server saw of one node's boot, for the registry of boots (`boot/boots`). Text is for people; `why` decides by the facts. */
export type StageNote = NoteWords & Problem & Omit<EventFacts, 'fault'>;

/** A stage that failed, and why: never as text alone. The boot is stuck there unless a later note says otherwise. */
export type Problem = { error: string; fault: Fault } | { error?: undefined; fault?: undefined };

interface NoteWords {
  stage: Stage;
  /** The node's hardware address, if the server identifies it by that. */
  mac?: string;
  /** The node's UID, if the server already knows the node. */
  node?: string;
  /** The boot session's id, from stage 5 on. */
  session?: string;
  /** One short clause for the timeline: `ipxe.efi, 1.0 MB in 0.4 s`. */
  detail?: string;
  bytes?: number;
  /** The loader file that was offered. */
  loader?: string;
  /** Whether an administrator chose that loader for the node. */
  loaderWanted?: boolean;
  /** The kind of firmware, as far as it said so. */
  arch?: LoaderName;
  /** The network card that iPXE booted from, if it said so: `pci 1af4:1000`, vendor and device. */
  card?: string;
  /** What the watcher of the initramfs saw in a system without an agent yet. */
  system?: Record<string, string>;
  /** The peer as `address:port`, if that is informative. */
  peer?: string;
}

/** Where servers report. Never throws and never waits: a boot is not slowed by its log. */
export interface JourneyLog {
  note(note: StageNote): void;
}
