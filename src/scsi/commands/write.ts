// WRITE (6), (10), (12), (16) (SBC-3 §5.31 to §5.34).
import { NoSpaceError } from '../block-device.ts';
import { blockRange, type CdbLength } from '../cdb.ts';
import { type CommandRow, whole } from '../command-row.ts';
import { diskFailed, GOOD, type StatusPlan } from '../plan.ts';
import type { CommandRequest } from '../request.ts';

/** WRPROTECT must be 0: the disks have no protection information. */
const FLAGS = 0x1a;
const FORCE_UNIT_ACCESS = 0x08;

export const WRITE: readonly CommandRow[] = [
  row(6, 0x0a, [0x1f, ...whole(3), 0]),
  row(10, 0x2a, [FLAGS, ...whole(4), 0x1f, ...whole(2), 0]),
  row(12, 0xaa, [FLAGS, ...whole(8), 0x1f, 0]),
  row(16, 0x8a, [FLAGS, ...whole(12), 0x1f, 0]),
];

/** Stores the whole blocks of `data`; a disk's failure becomes its sense data. */
export async function store(
  request: CommandRequest,
  data: Buffer,
  position: number,
  durable: boolean,
): Promise<StatusPlan> {
  const { device } = request;
  try {
    const blocks = data.length - (data.length % device.blockSize);
    if (blocks > 0) await device.write(data.subarray(0, blocks), position);
    if (durable) await device.flush();
    return GOOD;
  } catch (error) {
    return diskFailed(error instanceof NoSpaceError ? 'space-allocation-failed' : 'write-error', error);
  }
}

function row(length: CdbLength, opcode: number, usage: readonly number[]): CommandRow {
  return {
    name: `WRITE (${length})`,
    opcode,
    length,
    usage: [opcode, ...usage],
    writes: true,
    plan(request) {
      const range = blockRange(request, length);
      if (range.kind === 'status') return range;
      if (range.length === 0) return GOOD;
      const durable = length !== 6 && (request.cdb.readUInt8(1) & FORCE_UNIT_ACCESS) !== 0;
      return { kind: 'take', length: range.length, accept: data => store(request, data, range.position, durable) };
    },
  };
}
