// REQUEST SENSE (SPC-4 §6.39): a waiting unit attention as data, or "no sense".
import type { CommandRow } from '../command-row.ts';
import { answer } from '../plan.ts';
import { descriptorSense, fixedSense } from '../sense.ts';

export const REQUEST_SENSE: CommandRow = {
  name: 'REQUEST SENSE',
  opcode: 0x03,
  length: 6,
  usage: [0x03, 0x01, 0, 0, 0xff, 0],
  ignoresAttention: true,
  plan({ cdb, nexus }) {
    const sense = nexus.takeAttention() ?? { name: 'none' as const };
    const descriptors = ((cdb[1] ?? 0) & 0x01) !== 0;
    return answer(descriptors ? descriptorSense(sense) : fixedSense(sense), cdb.readUInt8(4));
  },
};
