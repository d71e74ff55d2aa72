// The faults that the head itself has evidence of. They take precedence over the node's reports and over every guess. One row each. Pure.
import type { EvidenceRule, Found } from './evidence-rule.ts';
import type { Scene } from './why-case.ts';
import { clockSeen } from './why-clock.ts';
import { HEAD_RULES, ROOT_DISK_RULES } from './why-head.ts';
import { HEAD_STATE_RULES, REFUSAL_RULES } from './why-head-state.ts';
import { ISCSI_PORT_RULES, ISCSI_SESSION_RULES, iscsiSeen } from './why-iscsi.ts';
import { NEIGHBOUR_RULES, neighbourSeen } from './why-neighbours.ts';
import { PANIC_RULES } from './why-panic.ts';
import { PATH_RULES, pathSeen } from './why-path.ts';
import { RESET_RULES, resetSeen } from './why-resets.ts';
import { ROUTE_RULES } from './why-route.ts';
import { STORED_RULES, storedSeen } from './why-stored.ts';

/** The order matters: a failure of the head explains everything that the node did not do. */
export const EVIDENCE_RULES: readonly EvidenceRule[] = [
  ...ROOT_DISK_RULES,
  ...HEAD_RULES,
  ...HEAD_STATE_RULES,
  ...NEIGHBOUR_RULES,
  ...STORED_RULES,
  ...PANIC_RULES,
  ...PATH_RULES,
  ...ROUTE_RULES,
  ...ISCSI_PORT_RULES,
  ...ISCSI_SESSION_RULES,
  ...RESET_RULES,
  ...REFUSAL_RULES,
];

/** Returns what the head checked and found in order. It rules causes out. */
export function evidenceSeen(scene: Scene): string[] {
  return [
    ...clockSeen(scene),
    ...neighbourSeen(scene),
    ...storedSeen(scene),
    ...pathSeen(scene),
    ...iscsiSeen(scene),
    ...resetSeen(scene),
  ];
}

/** The rules that hold for a node that was up, or was never seen, as well. */
const EVERYWHERE: readonly EvidenceRule[] = [...ROOT_DISK_RULES, ...NEIGHBOUR_RULES, ...ISCSI_SESSION_RULES];
const SILENT: readonly EvidenceRule[] = [
  ...PANIC_RULES,
  ...ROOT_DISK_RULES,
  ...HEAD_STATE_RULES,
  ...NEIGHBOUR_RULES,
  ...REFUSAL_RULES,
];

/** Returns the fault that the head has evidence of, for a node without a boot in progress. */
export function findOutsideBoots(scene: Scene): (Found & { rule: string }) | undefined {
  return first(scene.status.state === 'up' ? EVERYWHERE : SILENT, scene);
}

/** Returns the first fault that there is evidence of. */
export function findEvidence(scene: Scene): (Found & { rule: string }) | undefined {
  return first(EVIDENCE_RULES, scene);
}

function first(rules: readonly EvidenceRule[], scene: Scene): (Found & { rule: string }) | undefined {
  for (const { name, find } of rules) {
    const found = find(scene);
    if (found) return { rule: name, ...found };
  }
  return undefined;
}
