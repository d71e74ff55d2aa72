// The vital product data pages, one row each (SPC-4 §7.8, SBC-3 §6.5).
import { createHash } from 'node:crypto';
import { MAX_TRANSFER_BYTES } from './cdb.ts';
import type { Disk } from './request.ts';

export interface VitalPage {
  code: number;
  name: string;
  render(unit: Disk): Buffer;
}

export const VITAL_PAGES: readonly VitalPage[] = [
  // SPC-4 §7.8.18
  { code: 0x00, name: 'Supported VPD Pages', render: () => page(0x00, Buffer.from(VITAL_PAGES.map(row => row.code))) },
  // SPC-4 §7.8.20
  { code: 0x80, name: 'Unit Serial Number', render: unit => page(0x80, Buffer.from(unit.identity.serial, 'latin1')) },
  { code: 0x83, name: 'Device Identification', render: unit => page(0x83, designators(unit)) },
  { code: 0xb0, name: 'Block Limits', render: unit => page(0xb0, blockLimits(unit)) },
  { code: 0xb1, name: 'Block Device Characteristics', render: () => page(0xb1, characteristics()) },
  // SBC-3 §6.5.4: fully provisioned, so there is nothing to report.
  { code: 0xb2, name: 'Logical Block Provisioning', render: () => page(0xb2, Buffer.alloc(4)) },
];

/** ASCII in exactly `length` bytes, left-aligned, padded with spaces (SPC-4 §4.4.1). */
export function padded(text: string, length: number): Buffer {
  return Buffer.from(text.slice(0, length).padEnd(length, ' '), 'latin1');
}

/** Peripheral: direct access block device, connected; page code; page length. */
function page(code: number, body: Buffer): Buffer {
  const header = Buffer.from([0x00, code, 0, 0]);
  header.writeUInt16BE(body.length, 2);
  return Buffer.concat([header, body]);
}

/** SPC-4 §7.8.5: NAA for world-wide uniqueness by number, T10 vendor ID for people, and the iSCSI name of the unit. */
function designators(unit: Disk): Buffer {
  const { targetName, serial } = unit.identity;
  const number = createHash('sha256').update(`${targetName}\0${serial}`).digest().subarray(0, 8);
  // NAA 3h, locally assigned (SPC-4 §7.8.5.6.4).
  number[0] = 0x30 | ((number[0] ?? 0) & 0x0f);
  const vendor = Buffer.concat([padded('MUSTER', 8), Buffer.from(serial, 'latin1').subarray(0, 64)]);
  // SCSI name string (SPC-4 §7.8.5.7.4) of a unit: the target's name, ",L,0x" and the unit number; UTF-8, ended and filled with NUL.
  const name = Buffer.from(`${targetName},L,0x0000000000000000\0`, 'utf8');
  const filled = Buffer.alloc(Math.ceil(name.length / 4) * 4);
  name.copy(filled);
  return Buffer.concat([
    designator(0x01, 0x03, number),
    designator(0x02, 0x01, vendor),
    designator(0x03, 0x08, filled),
  ]);
}

function designator(codeSet: number, type: number, value: Buffer): Buffer {
  return Buffer.concat([Buffer.from([codeSet, type, 0, value.length]), value]);
}

/** SBC-3 §6.5.3 */
function blockLimits(unit: Disk): Buffer {
  const { blockSize } = unit.device;
  const body = Buffer.alloc(0x3c);
  body.writeUInt16BE(8, 2); // OPTIMAL TRANSFER LENGTH GRANULARITY: a page
  body.writeUInt32BE(MAX_TRANSFER_BYTES / blockSize, 4); // MAXIMUM TRANSFER LENGTH
  body.writeUInt32BE((1024 * 1024) / blockSize, 8); // OPTIMAL TRANSFER LENGTH
  return body;
}

/** SBC-3 §6.5.2 */
function characteristics(): Buffer {
  const body = Buffer.alloc(0x3c);
  body.writeUInt16BE(1, 0); // MEDIUM ROTATION RATE: does not rotate
  return body;
}
