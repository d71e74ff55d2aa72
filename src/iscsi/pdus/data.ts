// SCSI Data-Out, Data-In and Ready To Transfer (RFC 7143 §11.7, §11.8).
//
// all       8 LUN · 16 task tag · 20 target transfer tag · 36 DataSN (R2TSN) · 40 buffer offset
// Data-In   byte 1  F A .. O U S · 3 status · 24 StatSN (with S) · 28 ExpCmdSN · 32 MaxCmdSN · 44 residual (with S)
// R2T       byte 1  F · 24 StatSN · 28 ExpCmdSN · 32 MaxCmdSN · 44 desired length
import { BHS_LENGTH } from '../frame.ts';
import { FINAL, NO_TAG, RESPONSE } from '../opcodes.ts';
import { type Numbers, residualBits, SCSI_STATUS } from './command.ts';

export interface DataOut {
  final: boolean;
  tag: number;
  transferTag: number;
  dataSn: number;
  offset: number;
}

export function decodeDataOut(header: Buffer): DataOut {
  return {
    final: (header.readUInt8(1) & FINAL) !== 0,
    tag: header.readUInt32BE(16),
    transferTag: header.readUInt32BE(20),
    dataSn: header.readUInt32BE(36),
    offset: header.readUInt32BE(40),
  };
}

/** Byte 1, bit 0 of Data-In: includes the status, so no SCSI Response follows (phase collapse, RFC 7143 §11.7.2). */
const STATUS = 0x01;

/**
 * Writes the header of a Data-In PDU over `slab` at `at`.
 * @param final ends a burst
 * @param collapse ends the command with status GOOD; `residual` counts only then
 */
export function writeDataInHeader(
  slab: Buffer,
  at: number,
  tag: number,
  dataSn: number,
  offset: number,
  final: boolean,
  collapse: boolean,
  residual: number,
  numbers: Numbers,
): void {
  slab[at] = RESPONSE.dataIn;
  slab[at + 1] = (final ? FINAL : 0) | (collapse ? STATUS | residualBits(residual) : 0);
  slab[at + 2] = 0;
  slab[at + 3] = SCSI_STATUS.good;
  slab.writeUInt32BE(0, at + 8);
  slab.writeUInt32BE(0, at + 12);
  slab.writeUInt32BE(tag, at + 16);
  slab.writeUInt32BE(NO_TAG, at + 20);
  slab.writeUInt32BE(collapse ? numbers.statSn : 0, at + 24);
  slab.writeUInt32BE(numbers.expCmdSn, at + 28);
  slab.writeUInt32BE(numbers.maxCmdSn, at + 32);
  slab.writeUInt32BE(dataSn, at + 36);
  slab.writeUInt32BE(offset, at + 40);
  slab.writeUInt32BE(collapse ? Math.min(Math.abs(residual), 0xffffffff) : 0, at + 44);
}

export interface ReadyToTransfer {
  tag: number;
  transferTag: number;
  r2tSn: number;
  offset: number;
  /** Bytes requested, at most one burst. */
  length: number;
}

/** StatSN is the next one and is not used up (RFC 7143 §11.8.3). */
export function encodeReadyToTransfer(r2t: ReadyToTransfer, numbers: Numbers): Buffer {
  const header = Buffer.alloc(BHS_LENGTH);
  header[0] = RESPONSE.readyToTransfer;
  header[1] = FINAL;
  header.writeUInt32BE(r2t.tag, 16);
  header.writeUInt32BE(r2t.transferTag, 20);
  header.writeUInt32BE(numbers.statSn, 24);
  header.writeUInt32BE(numbers.expCmdSn, 28);
  header.writeUInt32BE(numbers.maxCmdSn, 32);
  header.writeUInt32BE(r2t.r2tSn, 36);
  header.writeUInt32BE(r2t.offset, 40);
  header.writeUInt32BE(r2t.length, 44);
  return header;
}
