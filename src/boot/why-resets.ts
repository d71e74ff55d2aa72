// Connections of a node that were reset from outside while the head sent a file.

import type { EvidenceRule } from './evidence-rule.ts';
import type { Fault } from './faults.ts';
import type { Scene } from './why-case.ts';
import { span } from './why-words.ts';

/** Silence after which resets may be why, in seconds. */
const STALLED_SECONDS = 8;
/** This many resets within this time are no accident. */
const RESETS = 3;
const RESETS_SECONDS = 300;
/** What a node reports when its downloads do not arrive: another error that it reports explains more. */
const DOWNLOADS: readonly Fault[] = ['download-stopped', 'head-unreachable'];

export const RESET_RULES: readonly EvidenceRule[] = [
  {
    name: 'connections-reset',
    find(scene) {
      const { error, quiet, silence } = scene;
      const resets = (scene.evidence?.resets ?? []).filter(ago => ago <= Math.min(silence, RESETS_SECONDS));
      const isOpen = error ? error.fault !== undefined && DOWNLOADS.includes(error.fault) : quiet >= STALLED_SECONDS;
      if (!isOpen || resets.length < RESETS) return undefined;
      return {
        cause: `${resets.length} connections of it were reset while the head sent a file, and the head did not close them: another machine has its address, a firewall between cuts them, or the node gives up.`,
        remedy:
          'Take its address away from the other machine, or let the firewall keep connections between node and head open. Then boot the node again.',
        settle: `ask who else has its address: \`arping -D -I ${interfaceOf(scene)} ADDRESS\` on the head`,
        seen: resetSeen(scene),
      };
    },
  },
];

const interfaceOf = ({ evidence }: Scene): string =>
  evidence?.interfaces?.find(({ address }) => address === evidence.network)?.name || 'INTERFACE';

/** Returns how many connections were reset. */
export function resetSeen({ evidence, silence }: Scene): string[] {
  const resets = (evidence?.resets ?? []).filter(ago => ago <= silence);
  const last = resets.at(-1);
  if (last === undefined) return [];
  const words = resets.length === 1 ? 'a connection of it was' : `${resets.length} connections of it were`;
  return [`${words} reset from outside, the last one ${span(last)} ago`];
}
