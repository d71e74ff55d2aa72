// Where the block commands have their address and length in the CDB, and whether such a range is possible.
import { badField, failed, type StatusPlan } from './plan.ts';
import type { CommandRequest } from './request.ts';

/** The longest transfer of one command, in bytes: VPD page B0h reports it, `blockRange` enforces it. */
export const MAX_TRANSFER_BYTES = 4 * 1024 * 1024;

/** The length of a CDB; each length has one layout of address and transfer length (SPC-4 §4.3.2). */
export type CdbLength = 6 | 10 | 12 | 16;

interface Layout {
  /** First byte of the transfer length, for the field pointer. */
  lengthByte: number;
  address(cdb: Buffer): number;
  count(cdb: Buffer): number;
}

const LAYOUTS: Record<CdbLength, Layout> = {
  6: {
    lengthByte: 4,
    address: cdb => cdb.readUIntBE(1, 3) & 0x1fffff,
    // A length of zero means 256 blocks, in the 6-byte commands only (SBC-3 §5.10).
    count: cdb => cdb.readUInt8(4) || 256,
  },
  10: { lengthByte: 7, address: cdb => cdb.readUInt32BE(2), count: cdb => cdb.readUInt16BE(7) },
  12: { lengthByte: 6, address: cdb => cdb.readUInt32BE(2), count: cdb => cdb.readUInt32BE(6) },
  16: {
    lengthByte: 10,
    // Beyond 2^53 the sum is not exact, and far beyond the end of any disk anyway.
    address: cdb => cdb.readUInt32BE(2) * 0x1_0000_0000 + cdb.readUInt32BE(6),
    count: cdb => cdb.readUInt32BE(10),
  },
};

export interface BlockRange {
  kind: 'range';
  /** In bytes. */
  position: number;
  length: number;
}

/** Returns the bytes that a block command names, or its refusal: beyond the end, or longer than one transfer may be. */
export function blockRange(request: CommandRequest, cdbLength: CdbLength): BlockRange | StatusPlan {
  const { cdb, device } = request;
  const layout = LAYOUTS[cdbLength];
  const address = layout.address(cdb);
  const count = layout.count(cdb);
  const blocks = device.size / device.blockSize;
  // SBC-3 §4.5.1; a range of no blocks may not start after the last block either.
  if (address >= blocks || address + count > blocks) return failed('lba-out-of-range');
  if (count * device.blockSize > MAX_TRANSFER_BYTES) return badField(layout.lengthByte);
  return { kind: 'range', position: address * device.blockSize, length: count * device.blockSize };
}
