// SCSI Command and SCSI Response (RFC 7143 §11.3, §11.4).
//
// request   byte 1  F R W .. attribute · 8 LUN · 16 task tag · 20 expected length · 24 CmdSN · 28 ExpStatSN · 32 CDB (16)
// response  byte 1  1 .. o u O U . · 2 response · 3 status · 16 task tag · 24 StatSN · 28 ExpCmdSN · 32 MaxCmdSN
//           36 ExpDataSN · 44 residual count · data: sense length (2), sense
import { FINAL, IMMEDIATE, RESPONSE } from '../opcodes.ts';
import type { Output } from '../output.ts';

/** Task attributes (RFC 7143 §11.3.1). */
export const ATTRIBUTE = { untagged: 0, simple: 1, ordered: 2, headOfQueue: 3, aca: 4 } as const;

/** SCSI status (SAM-5 §5.3). */
export const SCSI_STATUS = { good: 0x00, checkCondition: 0x02 } as const;

export interface CommandPdu {
  immediate: boolean;
  final: boolean;
  reads: boolean;
  writes: boolean;
  attribute: number;
  /** Whether the LUN field says 0, in peripheral or flat addressing (SAM-5 §4.7). */
  unitZero: boolean;
  tag: number;
  expected: number;
  cmdSn: number;
  /** A copy, 16 bytes. */
  cdb: Buffer;
}

export function decodeCommand(header: Buffer): CommandPdu {
  const flags = header.readUInt8(1);
  const cdb = Buffer.allocUnsafe(16);
  header.copy(cdb, 0, 32, 48);
  return {
    immediate: (header.readUInt8(0) & IMMEDIATE) !== 0,
    final: (flags & FINAL) !== 0,
    reads: (flags & 0x40) !== 0,
    writes: (flags & 0x20) !== 0,
    attribute: flags & 0x07,
    unitZero: isUnitZero(header),
    tag: header.readUInt32BE(16),
    expected: header.readUInt32BE(20),
    cmdSn: header.readUInt32BE(24),
    cdb,
  };
}

/** Returns whether the LUN field of a PDU (bytes 8 to 15) names logical unit 0. */
export function isUnitZero(header: Buffer): boolean {
  const high = header.readUInt32BE(8);
  return (high === 0 || high === 0x40000000) && header.readUInt32BE(12) === 0;
}

/** Bits of byte 1 for a residual: positive when the initiator left too little room (O), negative when too much (U). */
export function residualBits(residual: number): number {
  if (residual === 0) return 0;
  return residual > 0 ? 0x04 : 0x02;
}

export interface Numbers {
  statSn: number;
  expCmdSn: number;
  maxCmdSn: number;
}

/** @param sense empty for GOOD @param residual bytes wanted minus bytes expected @param dataPdus how many Data-In and R2T were sent */
export function writeResponse(
  out: Output,
  tag: number,
  sense: Buffer | undefined,
  residual: number,
  dataPdus: number,
  numbers: Numbers,
): void {
  const dataLength = sense ? sense.length + 2 : 0;
  const at = out.reserve(dataLength);
  const { slab } = out;
  slab[at] = RESPONSE.command;
  slab[at + 1] = FINAL | residualBits(residual);
  slab[at + 2] = 0;
  slab[at + 3] = sense ? SCSI_STATUS.checkCondition : SCSI_STATUS.good;
  slab.fill(0, at + 4, at + 16);
  slab.writeUInt32BE(tag, at + 16);
  slab.writeUInt32BE(0, at + 20);
  slab.writeUInt32BE(numbers.statSn, at + 24);
  slab.writeUInt32BE(numbers.expCmdSn, at + 28);
  slab.writeUInt32BE(numbers.maxCmdSn, at + 32);
  slab.writeUInt32BE(dataPdus, at + 36);
  slab.writeUInt32BE(0, at + 40);
  slab.writeUInt32BE(Math.min(Math.abs(residual), 0xffffffff), at + 44);
  if (sense) {
    const dataAt = out.dataAt(at);
    slab.writeUInt16BE(sense.length, dataAt);
    sense.copy(slab, dataAt + 2);
  }
  out.seal(at, dataLength);
}
