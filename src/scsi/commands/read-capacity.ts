// READ CAPACITY (10), (16) (SBC-3 §5.14, §5.15): the last block's address and the size of a block.
import { type CommandRow, whole, zeros } from '../command-row.ts';
import { answer } from '../plan.ts';

/** Logical blocks of a physical one, as a power of two: 8 × 512 bytes, the page of every head's memory. */
const PHYSICAL_BLOCK_EXPONENT = 3;

export const READ_CAPACITY: readonly CommandRow[] = [
  {
    name: 'READ CAPACITY (10)',
    opcode: 0x25,
    length: 10,
    // PMI and the address are obsolete and must be zero (SBC-3 §5.14).
    usage: [0x25, ...zeros(9)],
    plan({ device }) {
      const data = Buffer.alloc(8);
      // FFFFFFFFh means: too large for this command, use READ CAPACITY (16).
      data.writeUInt32BE(Math.min(device.size / device.blockSize - 1, 0xffffffff), 0);
      data.writeUInt32BE(device.blockSize, 4);
      return answer(data, data.length);
    },
  },
  {
    name: 'READ CAPACITY (16)',
    opcode: 0x9e,
    serviceAction: 0x10,
    length: 16,
    usage: [0x9e, 0x1f, ...zeros(8), ...whole(4), 0, 0],
    plan({ cdb, device }) {
      const data = Buffer.alloc(32);
      data.writeBigUInt64BE(BigInt(device.size / device.blockSize - 1), 0);
      data.writeUInt32BE(device.blockSize, 8);
      data[13] = PHYSICAL_BLOCK_EXPONENT;
      return answer(data, cdb.readUInt32BE(10));
    },
  },
];
