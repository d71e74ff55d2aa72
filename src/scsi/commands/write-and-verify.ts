// WRITE AND VERIFY (10), (12), (16) (SBC-3 §5.35 to §5.37): stored durably, then read back.
import type { CdbLength } from '../cdb.ts';
import { blockRange } from '../cdb.ts';
import { type CommandRow, whole } from '../command-row.ts';
import { badField, GOOD } from '../plan.ts';
import { compare } from './verify.ts';
import { store } from './write.ts';

/** DPO and BYTCHK; WRPROTECT must be 0. */
const FLAGS = 0x16;

export const WRITE_AND_VERIFY: readonly CommandRow[] = [
  row(10, 0x2e, [FLAGS, ...whole(4), 0x1f, ...whole(2), 0]),
  row(12, 0xae, [FLAGS, ...whole(8), 0x1f, 0]),
  row(16, 0x8e, [FLAGS, ...whole(12), 0x1f, 0]),
];

function row(length: CdbLength, opcode: number, usage: readonly number[]): CommandRow {
  return {
    name: `WRITE AND VERIFY (${length})`,
    opcode,
    length,
    usage: [opcode, ...usage],
    writes: true,
    plan(request) {
      // Only 00b and 01b are defined for this command (SBC-3 §5.35).
      if (((request.cdb.readUInt8(1) >>> 1) & 0x03) > 1) return badField(1, 2);
      const range = blockRange(request, length);
      if (range.kind === 'status') return range;
      if (range.length === 0) return GOOD;
      return {
        kind: 'take',
        length: range.length,
        async accept(data) {
          const stored = await store(request, data, range.position, true);
          return stored.sense ? stored : compare(request, data, range.position);
        },
      };
    },
  };
}
