// How `why` asks for evidence.
import type { Boot } from '../boot/boot.ts';
import type { Evidence } from '../boot/evidence.ts';

export interface EvidenceQuestion {
  /** UID of the node, its address (may be empty) and its hardware addresses. */
  node: string;
  ip: string;
  macs: readonly string[];
  /** The boot to be explained. */
  boot?: Boot;
  /** Milliseconds since 1970: what is older belongs to another boot. */
  since: number;
  /** What is worth looking at. */
  needs: { path: boolean; stored: boolean; neighbours: boolean };
}

export interface EvidenceAccess {
  /** Returns what is in memory. */
  atOnce(question: EvidenceQuestion): Evidence;
  /** Looks at the head itself: the same for every node. */
  head(): Promise<Evidence>;
  /** Looks at everything that concerns one node, for the milliseconds that are left. */
  of(question: EvidenceQuestion, left: number): Promise<Evidence>;
}
