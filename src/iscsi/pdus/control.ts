// The PDUs that carry no SCSI command: NOP, Text, Task Management, Logout, Async, Reject (RFC 7143 §11.5, §11.6, §11.9 to §11.19).
//
// requests  0 opcode, immediate · 1 F and function · 8 LUN · 16 task tag · 20 transfer tag (referenced tag) · 24 CmdSN · 28 ExpStatSN
// responses 0 opcode · 1 F · 2 response · 16 task tag · 20 transfer tag · 24 StatSN · 28 ExpCmdSN · 32 MaxCmdSN
import { BHS_LENGTH } from '../frame.ts';
import { CONTINUE, FINAL, IMMEDIATE, NO_TAG, RESPONSE } from '../opcodes.ts';
import type { Numbers } from './command.ts';

/** The common part of NOP-Out, Text, Task Management and Logout requests. */
export interface ControlRequest {
  immediate: boolean;
  final: boolean;
  /** Text: more of it follows. */
  continues: boolean;
  /** Byte 1 without its highest bit: the function, or the reason of a logout. */
  function: number;
  tag: number;
  /** NOP-Out and Text: the tag chosen by the target. Task Management: the tag of the task concerned. */
  otherTag: number;
  cmdSn: number;
  /** Task Management: CmdSN of the task concerned (RFC 7143 §11.5.5). Logout: CID in the high half of byte 20. */
  refCmdSn: number;
}

export function decodeControl(header: Buffer): ControlRequest {
  const flags = header.readUInt8(1);
  return {
    immediate: (header.readUInt8(0) & IMMEDIATE) !== 0,
    final: (flags & FINAL) !== 0,
    continues: (flags & CONTINUE) !== 0,
    function: flags & 0x7f,
    tag: header.readUInt32BE(16),
    otherTag: header.readUInt32BE(20),
    cmdSn: header.readUInt32BE(24),
    refCmdSn: header.readUInt32BE(32),
  };
}

function response(opcode: number, flags: number, tag: number, otherTag: number, numbers: Numbers): Buffer {
  const header = Buffer.alloc(BHS_LENGTH);
  header[0] = opcode;
  header[1] = flags;
  header.writeUInt32BE(tag, 16);
  header.writeUInt32BE(otherTag, 20);
  header.writeUInt32BE(numbers.statSn, 24);
  header.writeUInt32BE(numbers.expCmdSn, 28);
  header.writeUInt32BE(numbers.maxCmdSn, 32);
  return header;
}

/** NOP-In: an answer (with the task's tag), or with `transferTag` a question (RFC 7143 §11.19). */
export function encodeNopIn(tag: number, transferTag: number, numbers: Numbers): Buffer {
  return response(RESPONSE.nopIn, FINAL, tag, transferTag, numbers);
}

/** @param transferTag names the rest of the text that the initiator is to ask for; `NO_TAG` when this is the end */
export function encodeTextResponse(tag: number, transferTag: number, numbers: Numbers): Buffer {
  return response(RESPONSE.text, transferTag === NO_TAG ? FINAL : CONTINUE, tag, transferTag, numbers);
}

/** Task management functions (RFC 7143 §11.5.1). */
export const FUNCTION = {
  abortTask: 1,
  abortTaskSet: 2,
  clearTaskSet: 4,
  unitReset: 5,
  targetWarmReset: 6,
  targetColdReset: 7,
  taskReassign: 8,
} as const;

/** Task management responses (RFC 7143 §11.6.1). */
export const FUNCTION_RESPONSE = {
  complete: 0,
  noSuchTask: 1,
  noSuchUnit: 2,
  reassignNotSupported: 4,
  notSupported: 5,
} as const;

export function encodeTaskManagementResponse(tag: number, outcome: number, numbers: Numbers): Buffer {
  const header = response(RESPONSE.taskManagement, FINAL, tag, 0, numbers);
  header[2] = outcome;
  return header;
}

/** Logout reasons and responses (RFC 7143 §11.14.1, §11.15.1). */
export const LOGOUT_REASON = { session: 0, connection: 1, recovery: 2 } as const;
export const LOGOUT_RESPONSE = { success: 0, noSuchConnection: 1, recoveryNotSupported: 2 } as const;

/** Time2Wait and Time2Retain are 0: the initiator may reconnect at once and nothing is kept (RFC 7143 §11.15.3). */
export function encodeLogoutResponse(tag: number, outcome: number, numbers: Numbers): Buffer {
  const header = response(RESPONSE.logout, FINAL, tag, 0, numbers);
  header[2] = outcome;
  return header;
}

/** Asks the initiator to log out (AsyncEvent 1, RFC 7143 §11.9.1). @param seconds the time it has */
export function encodeLogoutRequest(seconds: number, numbers: Numbers): Buffer {
  const header = response(RESPONSE.async, FINAL, NO_TAG, 0, numbers);
  header.writeUInt8(1, 36);
  header.writeUInt16BE(seconds, 42);
  return header;
}

/** Reject reasons (RFC 7143 §11.17.1). */
export const REJECT = {
  dataDigest: 0x02,
  snack: 0x03,
  protocol: 0x04,
  notSupported: 0x05,
  tooManyImmediate: 0x06,
  taskInProgress: 0x07,
  invalidField: 0x09,
} as const;

/** The data is the rejected header (RFC 7143 §11.17). */
export function encodeReject(reason: number, numbers: Numbers): Buffer {
  const header = response(RESPONSE.reject, FINAL, NO_TAG, 0, numbers);
  header[2] = reason;
  return header;
}
