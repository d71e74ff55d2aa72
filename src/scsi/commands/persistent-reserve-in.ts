// PERSISTENT RESERVE IN (SPC-4 §6.15): no key is registered, because PERSISTENT RESERVE OUT is not supported.
import { type CommandRow, zeros } from '../command-row.ts';
import { answer } from '../plan.ts';

/** READ KEYS, READ RESERVATION and READ FULL STATUS: PRGENERATION 0 and an empty list. */
const EMPTY = zeros(8);

/** REPORT CAPABILITIES (SPC-4 §6.15.4): LENGTH 8, nothing supported; TMV with an empty mask of types. */
const CAPABILITIES = [0x00, 0x08, 0x00, 0x80, 0x00, 0x00, 0x00, 0x00];

export const PERSISTENT_RESERVE_IN: readonly CommandRow[] = [
  row('READ KEYS', 0x00, EMPTY),
  row('READ RESERVATION', 0x01, EMPTY),
  row('REPORT CAPABILITIES', 0x02, CAPABILITIES),
  row('READ FULL STATUS', 0x03, EMPTY),
];

function row(action: string, serviceAction: number, data: readonly number[]): CommandRow {
  return {
    name: `PERSISTENT RESERVE IN, ${action}`,
    opcode: 0x5e,
    serviceAction,
    length: 10,
    usage: [0x5e, 0x1f, ...zeros(5), 0xff, 0xff, 0],
    plan: ({ cdb }) => answer(Buffer.from(data), cdb.readUInt16BE(7)),
  };
}
