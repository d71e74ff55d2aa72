// PREVENT ALLOW MEDIUM REMOVAL (SPC-4 §6.17): the medium cannot be removed, so both are true already.
import type { CommandRow } from '../command-row.ts';
import { GOOD } from '../plan.ts';

export const PREVENT_ALLOW: CommandRow = {
  name: 'PREVENT ALLOW MEDIUM REMOVAL',
  opcode: 0x1e,
  length: 6,
  usage: [0x1e, 0, 0, 0, 0x01, 0],
  plan: () => GOOD,
};
