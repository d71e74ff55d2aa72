// Connections of a node that were reset from outside while the head sent a file.

import type { EvidenceRule } from './evidence-rule.ts';
import type { Fault } from './faults.ts';
import { presentOf, type Scene } from './why-case.ts';
import { span } from './why-words.ts';

/** An image that brought something so short ago is on its way, in seconds. */
const MOVES_SECONDS = 8;
/** This many resets within this time are no accident. */
const RESETS = 3;
const RESETS_SECONDS = 300;
/** What a node reports when its downloads do not arrive: another error that it reports explains more. */
const DOWNLOADS: readonly Fault[] = ['download-stopped', 'head-unreachable'];

export const RESET_RULES: readonly EvidenceRule[] = [
  {
    name: 'connections-reset',
    find(scene) {
      const { error, transfer } = scene;
      const resets = resetsOf(scene).filter(ago => ago <= RESETS_SECONDS);
      const isMoving = transfer?.state === 'running' && (transfer.idle ?? 0) < MOVES_SECONDS;
      const isOther = error !== undefined && (error.fault === undefined || !DOWNLOADS.includes(error.fault));
      if (resets.length < RESETS || isMoving || isOther) return undefined;
      return {
        cause: `${resets.length} of its connections were reset while the head sent a file, and not by the head: another machine has its address, a firewall on the path cuts them, or the node gives up.`,
        remedy:
          'Give the other machine another address, or let the firewall keep connections between node and head open. Then boot the node again.',
        settle: 'look for another machine with its address: `sudo muster doctor` on the head',
        seen: resetSeen(scene),
      };
    },
  },
];

/** Returns the resets since the boot came further. A file that was cut off is not further: that is what a reset does. */
function resetsOf(scene: Scene): number[] {
  const { boot, evidence, next } = scene;
  if (!boot || next || boot.outcome) return [];
  const last = boot.events.findLast(({ error, complete }) => !error && complete !== false);
  const since = (presentOf(scene) - (last?.at ?? boot.started)) / 1000;
  return (evidence?.resets ?? []).filter(ago => ago <= since);
}

/** Returns how many connections were reset. */
export function resetSeen(scene: Scene): string[] {
  const resets = resetsOf(scene);
  const last = resets.at(-1);
  if (last === undefined) return [];
  const words = resets.length === 1 ? 'one of its connections was' : `${resets.length} of its connections were`;
  return [`${words} reset from outside, the last one ${span(last)} ago`];
}
