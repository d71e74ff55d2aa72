// VERIFY (10), (12), (16) (SBC-3 §5.27 to §5.29): checks that blocks can be read, or that they equal the initiator's data.
import { blockRange, type CdbLength } from '../cdb.ts';
import { type CommandRow, whole } from '../command-row.ts';
import { badField, diskFailed, failed, GOOD, type StatusPlan } from '../plan.ts';
import type { CommandRequest } from '../request.ts';

/** DPO and BYTCHK; VRPROTECT must be 0. */
const FLAGS = 0x16;

/** BYTCHK (SBC-3 table 123). */
const NO_COMPARE = 0;
const COMPARE_ALL = 1;
const COMPARE_ONE_BLOCK = 3;

export const VERIFY: readonly CommandRow[] = [
  row(10, 0x2f, [FLAGS, ...whole(4), 0x1f, ...whole(2), 0]),
  row(12, 0xaf, [FLAGS, ...whole(8), 0x1f, 0]),
  row(16, 0x8f, [FLAGS, ...whole(12), 0x1f, 0]),
];

/** Compares `data` with the disk; MISCOMPARE names the first byte that differs. */
export async function compare(request: CommandRequest, data: Buffer, position: number): Promise<StatusPlan> {
  const { device } = request;
  const length = data.length - (data.length % device.blockSize);
  if (length === 0) return GOOD;
  const found = Buffer.allocUnsafe(length);
  try {
    if (!device.ready(position, length)) await device.load(position, length);
    device.read(found, 0, length, position);
  } catch (error) {
    return diskFailed('unrecovered-read-error', error);
  }
  if (found.equals(data.subarray(0, length))) return GOOD;
  return failed('miscompare', { information: found.findIndex((byte, index) => byte !== data[index]) });
}

async function readable(request: CommandRequest, position: number, length: number): Promise<StatusPlan> {
  try {
    if (!request.device.ready(position, length)) await request.device.load(position, length);
    return GOOD;
  } catch (error) {
    return diskFailed('unrecovered-read-error', error);
  }
}

function row(cdbLength: CdbLength, opcode: number, usage: readonly number[]): CommandRow {
  return {
    name: `VERIFY (${cdbLength})`,
    opcode,
    length: cdbLength,
    usage: [opcode, ...usage],
    plan(request) {
      const check = (request.cdb.readUInt8(1) >>> 1) & 0x03;
      if (check === 2) return badField(1, 2);
      const range = blockRange(request, cdbLength);
      if (range.kind === 'status') return range;
      const { position, length } = range;
      // A verification length of zero is no error (SBC-3 §5.27).
      if (length === 0) return GOOD;
      if (check === NO_COMPARE) return { kind: 'work', run: () => readable(request, position, length) };
      const blockSize = request.device.blockSize;
      if (check === COMPARE_ALL) return { kind: 'take', length, accept: data => compare(request, data, position) };
      if (check === COMPARE_ONE_BLOCK) {
        const repeated = (data: Buffer) => Buffer.alloc(data.length < blockSize ? 0 : length, data);
        return { kind: 'take', length: blockSize, accept: data => compare(request, repeated(data), position) };
      }
      return badField(1, 2);
    },
  };
}
