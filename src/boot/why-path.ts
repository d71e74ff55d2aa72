// Paths between head and node that drop packets, large ones above all.
import type { PathLook, TcpLook } from './evidence.ts';
import type { EvidenceRule } from './evidence-rule.ts';
import type { Scene } from './why-case.ts';
import { count, span } from './why-words.ts';

/** Silence after which the size of packets may be the cause, in seconds. */
const STALLED_SECONDS = 8;
/** The path is probed after this many seconds. Before that, a size without an answer may still get one. */
const PROBED_SECONDS = 12;
/** A packet of this many bytes at least is a large one. */
const LARGE = 600;
/** This many repetitions in a row are no coincidence. */
const REPETITIONS = 3;
/** An answer at most this many seconds old is current. */
const FRESH_SECONDS = 5;
/** Bytes of the headers of IPv4 and TCP. */
const HEADERS = 40;

export const PATH_RULES: readonly EvidenceRule[] = [
  {
    name: 'path-mtu',
    find(scene) {
      const { path } = scene.evidence ?? {};
      if (!path || (!scene.error && scene.quiet < STALLED_SECONDS)) return undefined;
      const { passes, fails } = path;
      if (passes !== undefined && fails !== undefined)
        return {
          cause: `The path between head and node drops large packets: ${passes} bytes pass, and ${fails} bytes or more do not.`,
          remedy: remedy(scene, passes),
          seen: [
            `the node answers echo requests of ${passes} bytes and none of ${fails} bytes or more`,
            ...pathSeen(scene),
          ],
        };
      const large = unansweredLarge(scene, path);
      if (large === undefined || scene.quiet < PROBED_SECONDS) return undefined;
      return {
        cause: `The path between head and node drops large packets: small ones pass, and those of ${large} bytes are not answered.`,
        remedy: remedy(scene),
        seen: pathSeen(scene),
      };
    },
  },
  {
    name: 'loader-not-acknowledged',
    find(scene) {
      const { tftp } = scene.evidence?.path ?? {};
      if (!tftp || tftp.unanswered < REPETITIONS || scene.quiet < STALLED_SECONDS) return undefined;
      const { file, acknowledged, blocks } = tftp;
      return {
        cause: `Its firmware requested ${file} by TFTP and stopped acknowledging after ${acknowledged} of ${blocks} blocks: it hangs or is off, or packets get lost.`,
        remedy:
          "Check the node's screen, its cable, and the error counters of its switch port. If a firewall or a router is between head and node, set `tftp.single_port = true`.",
        seen: pathSeen(scene),
      };
    },
  },
];

/** Returns the size of packets that were sent repeatedly while smaller ones were answered; undefined when there are none. */
function unansweredLarge(scene: Scene, { answers, passes = 0, tcp, tftp }: PathLook): number | undefined {
  const isSilent = (size: number, wasSeen: boolean): boolean => size > LARGE && size > passes && (answers || wasSeen);
  // The acknowledgements arrive, so the client is alive
  if (tftp && isStuck(tftp) && isSilent(tftp.packet, tftp.repeated > 0 || answeredArp(scene, FRESH_SECONDS)))
    return tftp.packet;
  if (!tcp || tcp.retransmits < REPETITIONS || tcp.acknowledged >= tcp.segment || tcp.ago > scene.silence)
    return undefined;
  const size = tcp.segment + HEADERS;
  return isSilent(size, answeredArp(scene, tcp.ago + tcp.quiet)) ? size : undefined;
}

/** Whether the node itself answered ARP less than this many seconds ago, so a small packet passed both ways. */
function answeredArp({ evidence }: Scene, seconds: number): boolean {
  return (evidence?.neighbours?.seen ?? []).some(({ own, ago }) => own && ago < seconds);
}

const isStuck = ({ agreed, acknowledged, unanswered }: NonNullable<PathLook['tftp']>): boolean =>
  agreed && acknowledged === 0 && unanswered >= REPETITIONS;

function remedy({ evidence }: Scene, passes?: number): string {
  const name = evidence?.interfaces?.find(({ problem }) => problem === undefined)?.name ?? 'INTERFACE';
  const size = passes ?? 1280;
  return `Raise the MTU of every switch, tunnel and bridge on the path to ${evidence?.path?.mtu ?? 1500}. Until then lower the head's, \`ip link set dev ${name} mtu ${size}\`, and boot the node again.`;
}

/** With fewer segments, the share that gets lost is chance. */
const MANY_SEGMENTS = 50;
/** At this share the path itself is faulty. A link that is only slow drops less. */
const LOSSY = 0.1;

/** Returns the share of segments that were retransmitted, 0 to 1; 0 when there were too few to tell. */
const lossOf = ({ sent, again }: TcpLook): number => (sent < MANY_SEGMENTS ? 0 : again / sent);
const lossWords = ({ sent, again }: TcpLook): string =>
  `${again} of ${sent} segments (${((100 * again) / sent).toFixed(0)} %) were sent more than once`;

/** Returns the loss on the path of a transfer in progress, if it is high. */
export function pathLoses({ evidence }: Pick<Scene, 'evidence'>): { words: string; remedy: string } | undefined {
  const { tcp } = evidence?.path ?? {};
  if (!tcp || lossOf(tcp) < LOSSY) return undefined;
  return {
    words: `packets get lost: ${lossWords(tcp)}`,
    remedy:
      'Check the errors and the duplex of its link on both ends (`ethtool -S`, the counters of its switch port), and replace its cable or change its port.',
  };
}

/** Returns evidence about the packets on their way. */
export function pathSeen({ evidence }: Scene): string[] {
  const { tcp, tftp, answers, fails } = evidence?.path ?? {};
  return [
    ...(tftp
      ? [
          `TFTP ${tftp.file}: ${tftp.acknowledged} of ${tftp.blocks} blocks acknowledged${tftp.unanswered > 0 ? `, the next packet (${tftp.packet} bytes) sent${count(tftp.unanswered + 1)} without an answer` : ''}`,
        ]
      : []),
    ...(tcp && tcp.retransmits > 0
      ? [
          `a segment of ${tcp.segment} bytes was sent again${count(tcp.retransmits)} and ${tcp.ago >= 1 ? `was not acknowledged, ${span(tcp.ago)} ago` : 'is not acknowledged'}`,
        ]
      : []),
    ...(tcp && lossOf(tcp) >= 0.02 ? [lossWords(tcp)] : []),
    ...(answers && fails === undefined ? ['it answers echo requests of every size that the head sends'] : []),
  ];
}
