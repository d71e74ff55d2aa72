// INQUIRY (SPC-4 §6.4): what the disk is, and with EVPD its vital product data pages.
import { type CommandRow, whole } from '../command-row.ts';
import { answer, badField } from '../plan.ts';
import type { Disk } from '../request.ts';
import { padded, VITAL_PAGES } from '../vital-pages.ts';

export const INQUIRY: CommandRow = {
  name: 'INQUIRY',
  opcode: 0x12,
  length: 6,
  usage: [0x12, 0x01, ...whole(3), 0],
  ignoresAttention: true,
  plan({ cdb, unit }) {
    const vital = (cdb.readUInt8(1) & 0x01) !== 0;
    const code = cdb.readUInt8(2);
    const allocationLength = cdb.readUInt16BE(3);
    if (!vital) return code === 0 ? answer(standardData(unit), allocationLength) : badField(2);
    const page = VITAL_PAGES.find(candidate => candidate.code === code);
    return page ? answer(page.render(unit), allocationLength) : badField(2);
  },
};

/** Version descriptors (SPC-4 table 144): SAM-5, iSCSI, SPC-4, SBC-3. */
const VERSIONS = [0x00a0, 0x0960, 0x0460, 0x04c0];

/** Standard INQUIRY data (SPC-4 §6.4.2). */
function standardData(unit: Disk): Buffer {
  const data = Buffer.alloc(96);
  data[2] = 0x06; // VERSION: SPC-4
  data[3] = 0x12; // HISUP, RESPONSE DATA FORMAT 2
  data[4] = data.length - 5;
  data[7] = 0x02; // CMDQUE
  padded('MUSTER', 8).copy(data, 8);
  padded(unit.device.readOnly ? 'IMAGE' : 'OVERLAY', 16).copy(data, 16);
  padded('1', 4).copy(data, 32);
  VERSIONS.forEach((version, index) => {
    data.writeUInt16BE(version, 58 + 2 * index);
  });
  return data;
}
