// SYNCHRONIZE CACHE (10), (16) (SBC-3 §5.25): makes writes durable; on a read-only disk they are already.
import type { CdbLength } from '../cdb.ts';
import { type CommandRow, whole } from '../command-row.ts';
import { failed, GOOD, type StatusPlan } from '../plan.ts';
import type { CommandRequest } from '../request.ts';

/**
 * IMMED and SYNC_NV (obsolete). IMMED allows an answer before the flush but does not require one (SBC-3 §5.25): the answer always
 * waits, so that it carries the outcome.
 */
const FLAGS = 0x06;

export const SYNCHRONIZE_CACHE: readonly CommandRow[] = [
  row(10, 0x35, [FLAGS, ...whole(4), 0x1f, ...whole(2), 0]),
  row(16, 0x91, [FLAGS, ...whole(12), 0x1f, 0]),
];

function row(length: CdbLength, opcode: number, usage: readonly number[]): CommandRow {
  return {
    name: `SYNCHRONIZE CACHE (${length})`,
    opcode,
    length,
    usage: [opcode, ...usage],
    plan(request) {
      if (beyondEnd(request, length)) return failed('lba-out-of-range');
      return { kind: 'work', run: () => flush(request) };
    },
  };
}

async function flush({ device }: CommandRequest): Promise<StatusPlan> {
  try {
    await device.flush();
    return GOOD;
  } catch {
    return failed('write-error');
  }
}

/** Not `blockRange`: the range may be as long as the disk, and zero blocks mean all up to the end. */
function beyondEnd({ cdb, device }: CommandRequest, length: CdbLength): boolean {
  const address = length === 10 ? cdb.readUInt32BE(2) : cdb.readUInt32BE(2) * 0x1_0000_0000 + cdb.readUInt32BE(6);
  const count = length === 10 ? cdb.readUInt16BE(7) : cdb.readUInt32BE(10);
  return address + Math.max(count, 1) > device.size / device.blockSize;
}
