// How `why` asks for evidence.
import type { Boot } from '../boot/boot.ts';
import type { Evidence } from '../boot/evidence.ts';

export interface EvidenceQuestion {
  /** UID of the node, its address (may be empty) and its hardware addresses. */
  node: string;
  ip: string;
  macs: readonly string[];
  /** The boot to explain. */
  boot?: Boot;
  /** Seconds: anything older belongs to another boot. */
  within: number;
  /** What is worth checking. */
  needs: { path: boolean; stored: boolean; neighbours: boolean };
}

export interface EvidenceAccess {
  /** Returns what is in memory; its seconds count from now. */
  atOnce(question: EvidenceQuestion): Evidence;
  /** Checks the head itself: the same for every node. */
  head(): Promise<Evidence>;
  /** Checks what concerns one node, within the milliseconds that are left, and keeps what it learns about neighbours in memory. */
  of(question: EvidenceQuestion, left: number): Promise<Evidence>;
}
