// Sense data: what a failed command reports (SPC-4 §4.5), one row per additional sense code that muster uses.

const SENSE_KEYS = {
  'no-sense': 0x0,
  'medium-error': 0x3,
  'hardware-error': 0x4,
  'illegal-request': 0x5,
  'unit-attention': 0x6,
  'data-protect': 0x7,
  'aborted-command': 0xb,
  miscompare: 0xe,
} as const;

/** Name → sense key, additional sense code and qualifier (SPC-4 annex D). */
const ROWS = {
  none: ['no-sense', 0x00, 0x00],
  'write-error': ['medium-error', 0x0c, 0x00],
  'unexpected-unsolicited-data': ['aborted-command', 0x0c, 0x0c],
  'incorrect-amount-of-data': ['aborted-command', 0x0c, 0x0d],
  'unrecovered-read-error': ['medium-error', 0x11, 0x00],
  miscompare: ['miscompare', 0x1d, 0x00],
  'invalid-opcode': ['illegal-request', 0x20, 0x00],
  'lba-out-of-range': ['illegal-request', 0x21, 0x00],
  'invalid-field-in-cdb': ['illegal-request', 0x24, 0x00],
  'lun-not-supported': ['illegal-request', 0x25, 0x00],
  'write-protected': ['data-protect', 0x27, 0x00],
  'space-allocation-failed': ['data-protect', 0x27, 0x07],
  'power-on-or-reset': ['unit-attention', 0x29, 0x00],
  'bus-device-reset': ['unit-attention', 0x29, 0x03],
  'saving-parameters-not-supported': ['illegal-request', 0x39, 0x00],
  'internal-target-failure': ['hardware-error', 0x44, 0x00],
} as const satisfies Record<string, readonly [keyof typeof SENSE_KEYS, number, number]>;

export type SenseName = keyof typeof ROWS;

export interface Sense {
  name: SenseName;
  /** The wrong byte of the CDB, and its bit if it was one bit (SPC-4 §4.5.2.4.2). */
  field?: { byte: number; bit?: number };
  /** For MISCOMPARE: the offset of the first byte that differs (SBC-3 §5.2, INFORMATION field). */
  information?: number;
}

/** Fixed format (SPC-4 §4.5.3), 18 bytes. */
export function fixedSense(sense: Sense): Buffer {
  const [key, code, qualifier] = ROWS[sense.name];
  const bytes = Buffer.alloc(18);
  bytes[0] = sense.information === undefined ? 0x70 : 0xf0;
  bytes[2] = SENSE_KEYS[key];
  if (sense.information !== undefined) bytes.writeUInt32BE(sense.information, 3);
  bytes[7] = bytes.length - 8;
  bytes[12] = code;
  bytes[13] = qualifier;
  if (sense.field) fieldPointer(sense.field).copy(bytes, 15);
  return bytes;
}

/** Descriptor format (SPC-4 §4.5.2), for a REQUEST SENSE that requests it. */
export function descriptorSense(sense: Sense): Buffer {
  const [key, code, qualifier] = ROWS[sense.name];
  const descriptors: Buffer[] = [];
  if (sense.information !== undefined) {
    const information = Buffer.from([0x00, 0x0a, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    information.writeUInt32BE(sense.information, 8);
    descriptors.push(information);
  }
  if (sense.field) descriptors.push(Buffer.from([0x02, 0x06, 0, 0, ...fieldPointer(sense.field), 0]));
  const tail = Buffer.concat(descriptors);
  return Buffer.concat([Buffer.from([0x72, SENSE_KEYS[key], code, qualifier, 0, 0, 0, tail.length]), tail]);
}

/** SKSV, C/D (in the CDB), BPV with the bit, and the byte (SPC-4 §4.5.2.4.2). */
function fieldPointer(field: { byte: number; bit?: number }): Buffer {
  return Buffer.from([0xc0 | (field.bit === undefined ? 0 : 0x08 | field.bit), field.byte >>> 8, field.byte & 0xff]);
}
