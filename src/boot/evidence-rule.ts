// The shape of a rule that judges what the head itself has evidence of.
import type { Scene } from './why-case.ts';

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
