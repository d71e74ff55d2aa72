// TEST UNIT READY (SPC-4 §6.47): our disks always are.
import { type CommandRow, zeros } from '../command-row.ts';
import { GOOD } from '../plan.ts';

export const TEST_UNIT_READY: CommandRow = {
  name: 'TEST UNIT READY',
  opcode: 0x00,
  length: 6,
  usage: [0x00, ...zeros(5)],
  plan: () => GOOD,
};
