// The shape of one row of the command table.
import type { CdbLength } from './cdb.ts';
import type { Plan } from './plan.ts';
import type { CommandRequest } from './request.ts';

export interface CommandRow {
  name: string;
  opcode: number;
  /** For opcodes that several commands share; in the low five bits of byte 1 (SPC-4 §4.3.3). */
  serviceAction?: number;
  length: CdbLength;
  /**
   * CDB usage data (SPC-4 §6.35.3): for each byte the bits that muster evaluates. A bit outside is refused with a pointer to it.
   * Byte 0 is the opcode.
   */
  usage: readonly number[];
  /** Changes the disk: refused with WRITE PROTECTED where the disk is read-only. */
  writes?: boolean;
  /** Executed although a unit attention waits (SAM-5 §5.14). */
  ignoresAttention?: boolean;
  plan(request: CommandRequest): Plan;
}

/** Returns `count` bytes that are evaluated as a whole. */
export function whole(count: number): number[] {
  return Array.from({ length: count }, () => 0xff);
}

/** Returns `count` bytes that must be zero. */
export function zeros(count: number): number[] {
  return Array.from({ length: count }, () => 0);
}
