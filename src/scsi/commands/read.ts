// READ (6), (10), (12), (16) (SBC-3 §5.10 to §5.13).
import type { CdbLength } from '../cdb.ts';
import { blockRange } from '../cdb.ts';
import { type CommandRow, whole } from '../command-row.ts';
import { GOOD } from '../plan.ts';

/** RDPROTECT must be 0: the disks have no protection information. DPO, FUA and FUA_NV request what is true anyway. */
const FLAGS = 0x1a;

export const READ: readonly CommandRow[] = [
  row(6, 0x08, [0x1f, ...whole(3), 0]),
  row(10, 0x28, [FLAGS, ...whole(4), 0x1f, ...whole(2), 0]),
  row(12, 0xa8, [FLAGS, ...whole(8), 0x1f, 0]),
  row(16, 0x88, [FLAGS, ...whole(12), 0x1f, 0]),
];

function row(length: CdbLength, opcode: number, usage: readonly number[]): CommandRow {
  return {
    name: `READ (${length})`,
    opcode,
    length,
    usage: [opcode, ...usage],
    plan(request) {
      const range = blockRange(request, length);
      if (range.kind === 'status') return range;
      if (range.length === 0) return GOOD;
      return { kind: 'read', position: range.position, length: range.length };
    },
  };
}
