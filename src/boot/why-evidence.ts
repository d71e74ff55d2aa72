// The faults that the head itself has evidence of. They go before what the node reported and before every guess. One row each. Pure.
import type { Scene } from './why-case.ts';
import { HEAD_RULES } from './why-head.ts';
import { NEIGHBOUR_RULES, neighbourSeen } from './why-neighbours.ts';
import { PATH_RULES, pathSeen } from './why-path.ts';
import { STORED_RULES, storedSeen } from './why-stored.ts';

/** What a rule found. */
export interface Found {
  cause: string;
  remedy: string;
  /** What was seen that says so. */
  seen: readonly string[];
}

export interface EvidenceRule {
  name: string;
  /** Returns the fault, when there is evidence of it. */
  find(scene: Scene): Found | undefined;
}

/** The order counts: what the head failed to do explains everything that the node did not do. */
export const EVIDENCE_RULES: readonly EvidenceRule[] = [
  ...HEAD_RULES,
  ...NEIGHBOUR_RULES,
  ...STORED_RULES,
  ...PATH_RULES,
];

/** Returns what the head looked at and found in order: it rules causes out. */
export function evidenceSeen(scene: Scene): string[] {
  return [...neighbourSeen(scene), ...storedSeen(scene), ...pathSeen(scene)];
}

/** Returns whether another machine has the address of a node that is up, or was until a moment ago. */
export function sharedAddress(scene: Scene): (Found & { rule: string }) | undefined {
  const [rule] = NEIGHBOUR_RULES;
  const found = rule?.find(scene);
  return rule && found && { rule: rule.name, ...found };
}

/** Returns the first fault that there is evidence of. */
export function findEvidence(scene: Scene): (Found & { rule: string }) | undefined {
  for (const { name, find } of EVIDENCE_RULES) {
    const found = find(scene);
    if (found) return { rule: name, ...found };
  }
  return undefined;
}
