// The shape of a rule that judges the head's own evidence.
import type { Scene } from './why-case.ts';

/** What a rule found. */
export interface Found {
  cause: string;
  remedy: string;
  /** Makes it a guess: what would settle it, as an imperative clause. */
  settle?: string;
  /** The evidence. */
  seen: readonly string[];
}

export interface EvidenceRule {
  name: string;
  /** Returns the fault, when there is evidence of it. */
  find(scene: Scene): Found | undefined;
}
