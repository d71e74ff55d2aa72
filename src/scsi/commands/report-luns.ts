// REPORT LUNS (SPC-4 §6.33): each target has logical unit 0 and no other.
import { type CommandRow, whole } from '../command-row.ts';
import { answer, badField } from '../plan.ts';

/** Select report: 00h all with addressing methods, 01h well-known units only (none here), 02h all (SPC-4 table 283). */
const SELECT_REPORTS = [0x00, 0x01, 0x02];

export const REPORT_LUNS: CommandRow = {
  name: 'REPORT LUNS',
  opcode: 0xa0,
  length: 12,
  usage: [0xa0, 0, 0xff, 0, 0, 0, ...whole(4), 0, 0],
  ignoresAttention: true,
  plan({ cdb }) {
    const select = cdb.readUInt8(2);
    if (!SELECT_REPORTS.includes(select)) return badField(2);
    const list = Buffer.alloc(select === 0x01 ? 8 : 16);
    list.writeUInt32BE(list.length - 8, 0);
    return answer(list, cdb.readUInt32BE(6));
  },
};
