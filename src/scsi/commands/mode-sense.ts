// MODE SENSE (6), (10) (SPC-4 §6.13, §6.14): the mode pages, and whether the disk is write protected.
import { type CommandRow, whole, zeros } from '../command-row.ts';
import { answer, badField, failed, type Plan } from '../plan.ts';
import type { CommandRequest } from '../request.ts';

/** Page control (SPC-4 table 166). */
const CHANGEABLE = 1;
const SAVED = 3;

const ALL_PAGES = 0x3f;
const ALL_SUBPAGES = 0xff;
const WRITE_PROTECT = 0x80;
const DPO_FUA = 0x10;

interface ModePage {
  code: number;
  /** The page behind its two header bytes. */
  body(writable: boolean): number[];
}

const PAGES: readonly ModePage[] = [
  // Read-Write Error Recovery (SBC-3 §6.4.8): nothing to set.
  { code: 0x01, body: () => zeros(10) },
  // Caching (SBC-3 §6.4.5): WCE on a writable disk, so that initiators request a flush when they need one.
  { code: 0x08, body: writable => [writable ? 0x04 : 0x00, ...zeros(17)] },
  // Control (SPC-4 §7.5.7): QUEUE ALGORITHM MODIFIER 1, unrestricted reordering; BUSY TIMEOUT PERIOD FFFFh, unlimited.
  { code: 0x0a, body: () => [0x00, 0x10, 0, 0, 0, 0, 0xff, 0xff, 0, 0] },
  // Informational Exceptions Control (SPC-4 §7.5.12): DEXCPT, none are reported.
  { code: 0x1c, body: () => [0x08, ...zeros(9)] },
];

export const MODE_SENSE: readonly CommandRow[] = [
  {
    name: 'MODE SENSE (6)',
    opcode: 0x1a,
    length: 6,
    usage: [0x1a, 0x08, ...whole(3), 0],
    plan: request => plan(request, 4, request.cdb.readUInt8(4)),
  },
  {
    name: 'MODE SENSE (10)',
    opcode: 0x5a,
    length: 10,
    usage: [0x5a, 0x18, 0xff, 0xff, 0, 0, 0, 0xff, 0xff, 0],
    plan: request => plan(request, 8, request.cdb.readUInt16BE(7)),
  },
];

function plan({ cdb, device }: CommandRequest, headerLength: 4 | 8, allocationLength: number): Plan {
  const control = cdb.readUInt8(2) >>> 6;
  const code = cdb.readUInt8(2) & 0x3f;
  const subpage = cdb.readUInt8(3);
  const wanted = PAGES.filter(page => code === ALL_PAGES || page.code === code);
  if (wanted.length === 0) return badField(2, 5);
  if (subpage !== 0 && subpage !== ALL_SUBPAGES) return badField(3);
  if (control === SAVED) return failed('saving-parameters-not-supported');
  const pages = wanted.map(page => {
    const body = page.body(!device.readOnly);
    // No field can be changed: the mask of changeable bits is all zero.
    return Buffer.from([page.code, body.length, ...(control === CHANGEABLE ? zeros(body.length) : body)]);
  });
  const withoutDescriptor = (cdb.readUInt8(1) & 0x08) !== 0;
  const descriptor = withoutDescriptor
    ? Buffer.alloc(0)
    : blockDescriptor(device.size / device.blockSize, device.blockSize);
  const header = Buffer.alloc(headerLength);
  const total = headerLength + descriptor.length + pages.reduce((sum, page) => sum + page.length, 0);
  const specific = (device.readOnly ? WRITE_PROTECT : 0) | DPO_FUA;
  if (headerLength === 4) {
    header.set([total - 1, 0, specific, descriptor.length]);
  } else {
    header.writeUInt16BE(total - 2, 0);
    header[3] = specific;
    header.writeUInt16BE(descriptor.length, 6);
  }
  return answer(Buffer.concat([header, descriptor, ...pages]), allocationLength);
}

/** Short LBA mode parameter block descriptor (SBC-3 §6.4.2.2). */
function blockDescriptor(blocks: number, blockSize: number): Buffer {
  const descriptor = Buffer.alloc(8);
  descriptor.writeUInt32BE(Math.min(blocks, 0xffffffff), 0);
  descriptor.writeUIntBE(blockSize, 5, 3);
  return descriptor;
}
