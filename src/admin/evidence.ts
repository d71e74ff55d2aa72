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
  /** Seconds: what is longer ago belongs to another boot. */
  within: number;
  /** What is worth looking at. */
  needs: { path: boolean; stored: boolean; neighbours: boolean };
}

export interface EvidenceAccess {
  /** Returns what is in memory; seconds in it are of this moment. */
  atOnce(question: EvidenceQuestion): Evidence;
  /** Looks at the head itself: the same for every node. */
  head(): Promise<Evidence>;
  /** Looks at what concerns one node, for the milliseconds that are left; what it learns of neighbours is in memory then. */
  of(question: EvidenceQuestion, left: number): Promise<Evidence>;
}
