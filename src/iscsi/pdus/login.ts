// Login Request and Login Response (RFC 7143 §11.12, §11.13).
//
// byte 1  T C .. CSG NSG · 2 version-max · 3 version-min (active) · 8..13 ISID · 14 TSIH · 16 task tag · 20 CID
// request 24 CmdSN · 28 ExpStatSN      response 24 StatSN · 28 ExpCmdSN · 32 MaxCmdSN · 36 status class, detail
import { BHS_LENGTH } from '../frame.ts';
import { LOGIN_STATUS, type LoginStatus } from '../login-status.ts';
import { CONTINUE, FINAL, RESPONSE } from '../opcodes.ts';

/** Stages of login (RFC 7143 §11.12.3). */
export const STAGE = { security: 0, operational: 1, fullFeature: 3 } as const;

export interface LoginRequest {
  transit: boolean;
  continues: boolean;
  stage: number;
  nextStage: number;
  versionMin: number;
  /** Six bytes, as hex: only compared. */
  isid: string;
  tsih: number;
  tag: number;
  cid: number;
  cmdSn: number;
}

export function decodeLoginRequest(header: Buffer): LoginRequest {
  const flags = header.readUInt8(1);
  return {
    transit: (flags & FINAL) !== 0,
    continues: (flags & CONTINUE) !== 0,
    stage: (flags >>> 2) & 0x03,
    nextStage: flags & 0x03,
    versionMin: header.readUInt8(3),
    isid: header.toString('hex', 8, 14),
    tsih: header.readUInt16BE(14),
    tag: header.readUInt32BE(16),
    cid: header.readUInt16BE(20),
    cmdSn: header.readUInt32BE(24),
  };
}

export interface LoginResponse {
  transit: boolean;
  stage: number;
  nextStage: number;
  isid: string;
  tsih: number;
  tag: number;
  statSn: number;
  expCmdSn: number;
  maxCmdSn: number;
  status: LoginStatus;
}

export function encodeLoginResponse(response: LoginResponse): Buffer {
  const header = Buffer.alloc(BHS_LENGTH);
  header[0] = RESPONSE.login;
  header[1] = (response.transit ? FINAL | response.nextStage : 0) | (response.stage << 2);
  header.write(response.isid, 8, 6, 'hex');
  header.writeUInt16BE(response.tsih, 14);
  header.writeUInt32BE(response.tag, 16);
  header.writeUInt32BE(response.statSn, 24);
  header.writeUInt32BE(response.expCmdSn, 28);
  header.writeUInt32BE(response.maxCmdSn, 32);
  header.writeUInt16BE(LOGIN_STATUS[response.status], 36);
  return header;
}
