// START STOP UNIT (SBC-3 §5.25): accepted without effect: there is no spindle and nothing to eject.
import type { CommandRow } from '../command-row.ts';
import { GOOD } from '../plan.ts';

export const START_STOP_UNIT: CommandRow = {
  name: 'START STOP UNIT',
  opcode: 0x1b,
  length: 6,
  usage: [0x1b, 0x01, 0, 0x0f, 0xf7, 0],
  plan: () => GOOD,
};
