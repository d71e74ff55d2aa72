// An initiator for tests, written from RFC 7143 and sharing no code with the target: so that both cannot have the same mistake.
import { createHash } from 'node:crypto';
import { connect, type Socket } from 'node:net';

export interface Pdu {
  opcode: number;
  header: Buffer;
  data: Buffer;
}

export interface Fields {
  opcode: number;
  flags?: number;
  /** Written at byte 16. */
  tag?: number;
  /** Values of 32 bits by their offset. */
  words?: Record<number, number>;
  /** Values of 8 bits by their offset. */
  bytes?: Record<number, number>;
  cdb?: readonly number[];
  data?: Buffer;
}

/** CRC32C bit by bit, as RFC 7143 §13.1 describes it. */
export function slowCrc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

export function build(
  fields: Fields,
  digests: { header: boolean; data: boolean } = { header: false, data: false },
): Buffer {
  const header = Buffer.alloc(48);
  header[0] = fields.opcode;
  header[1] = fields.flags ?? 0x80;
  header.writeUInt32BE(fields.tag ?? 1, 16);
  for (const [offset, value] of Object.entries(fields.words ?? {})) header.writeUInt32BE(value >>> 0, Number(offset));
  for (const [offset, value] of Object.entries(fields.bytes ?? {})) header[Number(offset)] = value;
  if (fields.cdb) header.set(fields.cdb, 32);
  const data = fields.data ?? Buffer.alloc(0);
  header.writeUIntBE(data.length, 5, 3);
  const filled = Buffer.alloc(Math.ceil(data.length / 4) * 4);
  data.copy(filled);
  const digest = (bytes: Buffer) => {
    const word = Buffer.alloc(4);
    word.writeUInt32LE(slowCrc32c(bytes));
    return word;
  };
  const parts = [header];
  if (digests.header) parts.push(digest(header));
  parts.push(filled);
  if (digests.data && filled.length > 0) parts.push(digest(filled));
  return Buffer.concat(parts);
}

export function textOf(pairs: Record<string, string>): Buffer {
  return Buffer.from(
    Object.entries(pairs)
      .map(([key, value]) => `${key}=${value}\0`)
      .join(''),
  );
}

export function pairsOf(data: Buffer): Record<string, string> {
  const items = data.toString().split('\0').filter(Boolean);
  return Object.fromEntries(items.map(item => [item.slice(0, item.indexOf('=')), item.slice(item.indexOf('=') + 1)]));
}

export interface LoginOptions {
  initiator?: string;
  /** None: a discovery session. */
  target?: string;
  isid?: number;
  user?: string;
  secret?: string;
  keys?: Record<string, string>;
}

export interface Outcome {
  status: number;
  data: Buffer;
  /** Sense data, empty for GOOD. */
  sense: Buffer;
  /** Byte 1 of the PDU with the status. */
  flags: number;
  residual: number;
}

export const INITIATOR = 'iqn.2026-01.lab.test:node';

export class Initiator {
  readonly socket: Socket;
  closed = false;
  cmdSn = 1;
  maxCmdSn = 0;
  /** Keys that the target answered with during login. */
  agreed: Record<string, string> = {};
  digests = { header: false, data: false };
  private received: Buffer = Buffer.alloc(0);
  private readonly pdus: Pdu[] = [];
  private readonly waiting: ((pdu: Pdu | undefined) => void)[] = [];
  private lastTag = 100;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', chunk => this.collect(chunk));
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closed = true;
      for (const resolve of this.waiting.splice(0)) resolve(undefined);
    });
  }

  static async connect(port: number): Promise<Initiator> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return new Initiator(socket);
  }

  send(fields: Fields): void {
    this.socket.write(build(fields, this.digests));
  }

  /** The next PDU of the target; undefined when the connection has ended. */
  next(): Promise<Pdu | undefined> {
    const pdu = this.pdus.shift();
    if (pdu) return Promise.resolve(pdu);
    if (this.closed) return Promise.resolve(undefined);
    return new Promise(resolve => this.waiting.push(resolve));
  }

  async expect(opcode: number): Promise<Pdu> {
    const pdu = await this.next();
    if (pdu?.opcode !== opcode)
      throw new Error(`expected opcode ${opcode.toString(16)}, got ${pdu?.opcode.toString(16)}`);
    return pdu;
  }

  /** Sends a login request; `stage` is CSG and NSG with T, as in byte 1. */
  async loginRequest(flags: number, pairs: Record<string, string>, isid = 1): Promise<Pdu | undefined> {
    this.send({
      opcode: 0x43,
      flags,
      tag: 7,
      words: { 24: this.cmdSn },
      bytes: { 8: 0x40, 13: isid },
      data: textOf(pairs),
    });
    return this.next();
  }

  /** Logs in; answers the status, class and detail in one number. */
  async login(options: LoginOptions = {}): Promise<number> {
    const { user, secret, isid = 1 } = options;
    const names = {
      InitiatorName: options.initiator ?? INITIATOR,
      ...(options.target ? { TargetName: options.target } : { SessionType: 'Discovery' }),
    };
    if (user !== undefined && secret !== undefined) {
      const first = await this.loginRequest(0x01, { ...names, AuthMethod: 'CHAP' }, isid);
      if (!first || statusOf(first) !== 0) return statusOf(first);
      const challenge = pairsOf((await this.loginRequest(0x01, { CHAP_A: '5' }, isid))?.data ?? Buffer.alloc(0));
      const response = createHash('md5')
        .update(Buffer.from([Number(challenge['CHAP_I'])]))
        .update(secret)
        .update(Buffer.from((challenge['CHAP_C'] ?? '').slice(2), 'hex'))
        .digest('hex');
      const proven = await this.loginRequest(0x81, { CHAP_N: user, CHAP_R: `0x${response}` }, isid);
      if (!proven || statusOf(proven) !== 0) return statusOf(proven);
    }
    const pairs = user === undefined ? { ...names, ...options.keys } : (options.keys ?? {});
    const last = await this.loginRequest(0x87, pairs, isid);
    if (last) this.agreed = pairsOf(last.data);
    this.digests = { header: this.agreed['HeaderDigest'] === 'CRC32C', data: this.agreed['DataDigest'] === 'CRC32C' };
    this.maxCmdSn = last?.header.readUInt32BE(32) ?? 0;
    return statusOf(last);
  }

  /** Sends a SCSI command with data in or out, or neither; answers its tag. */
  start(
    cdb: readonly number[],
    io: { read?: number; write?: number; data?: Buffer; attribute?: number; lun?: number } = {},
  ): number {
    this.lastTag += 1;
    const flags = 0x80 | (io.read === undefined ? 0 : 0x40) | (io.write === undefined ? 0 : 0x20) | (io.attribute ?? 1);
    this.send({
      opcode: 0x01,
      flags,
      tag: this.lastTag,
      words: { 20: io.read ?? io.write ?? 0, 24: this.cmdSn },
      bytes: { 9: io.lun ?? 0 },
      cdb,
      ...(io.data ? { data: io.data } : {}),
    });
    this.cmdSn += 1;
    return this.lastTag;
  }

  /** Runs one command to its end, with nothing else under way; `out` is what R2Ts are answered with. */
  async command(cdb: readonly number[], io: { read?: number; out?: Buffer; lun?: number } = {}): Promise<Outcome> {
    const tag = this.start(cdb, { ...(io.out ? { write: io.out.length } : {}), ...io });
    const parts: Buffer[] = [];
    for (;;) {
      const pdu = await this.next();
      if (!pdu) throw new Error('the target closed the connection');
      if (pdu.opcode === 0x25) parts.push(pdu.data);
      if (pdu.opcode === 0x31 && io.out) this.answerR2t(pdu, tag, io.out);
      const flags = pdu.header.readUInt8(1);
      const collapsed = pdu.opcode === 0x25 && (flags & 0x01) !== 0;
      if (!collapsed && pdu.opcode !== 0x21) continue;
      return {
        status: pdu.header.readUInt8(3),
        data: Buffer.concat(parts),
        sense: pdu.opcode === 0x21 && pdu.data.length > 2 ? pdu.data.subarray(2) : Buffer.alloc(0),
        flags,
        residual: pdu.header.readUInt32BE(44),
      };
    }
  }

  /** Clears the unit attention that a new session begins with. */
  async ready(): Promise<this> {
    await this.command([0, 0, 0, 0, 0, 0]);
    return this;
  }

  answerR2t(r2t: Pdu, tag: number, out: Buffer): void {
    const offset = r2t.header.readUInt32BE(40);
    const length = r2t.header.readUInt32BE(44);
    const half = Math.ceil(length / 2);
    const pieces =
      half === length
        ? [[0, length]]
        : [
            [0, half],
            [half, length],
          ];
    pieces.forEach(([from = 0, to = 0], index) => {
      this.send({
        opcode: 0x05,
        flags: index === pieces.length - 1 ? 0x80 : 0,
        tag,
        words: { 20: r2t.header.readUInt32BE(20), 36: index, 40: offset + from },
        data: out.subarray(offset + from, offset + to),
      });
    });
  }

  close(): void {
    this.socket.destroy();
  }

  /** Ends the connection as a machine does that knows nothing of it. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  private collect(chunk: Buffer): void {
    this.received = Buffer.concat([this.received, chunk]);
    for (;;) {
      if (this.received.length < 48) return;
      const length = this.received.readUIntBE(5, 3);
      const filled = Math.ceil(length / 4) * 4;
      const dataAt = 48 + (this.digests.header ? 4 : 0);
      const total = dataAt + filled + (this.digests.data && length > 0 ? 4 : 0);
      if (this.received.length < total) return;
      const pdu = this.received.subarray(0, total);
      this.received = this.received.subarray(total);
      this.verify(pdu, dataAt, filled);
      const opcode = pdu.readUInt8(0) & 0x3f;
      if (opcode !== 0x23) this.maxCmdSn = pdu.readUInt32BE(32);
      const whole = { opcode, header: pdu.subarray(0, 48), data: pdu.subarray(dataAt, dataAt + length) };
      const resolve = this.waiting.shift();
      if (resolve) resolve(whole);
      else this.pdus.push(whole);
    }
  }

  private verify(pdu: Buffer, dataAt: number, filled: number): void {
    if (this.digests.header && pdu.readUInt32LE(48) !== slowCrc32c(pdu.subarray(0, 48)))
      throw new Error('header digest');
    if (!this.digests.data || filled === 0) return;
    if (pdu.readUInt32LE(dataAt + filled) !== slowCrc32c(pdu.subarray(dataAt, dataAt + filled)))
      throw new Error('data digest');
  }
}

export function statusOf(pdu: Pdu | undefined): number {
  return pdu?.opcode === 0x23 ? pdu.header.readUInt16BE(36) : -1;
}

/** READ (10) of blocks. */
export function read10(block: number, count: number): number[] {
  return [
    0x28,
    0,
    block >>> 24,
    (block >>> 16) & 255,
    (block >>> 8) & 255,
    block & 255,
    0,
    count >>> 8,
    count & 255,
    0,
  ];
}

/** WRITE (10) of blocks. */
export function write10(block: number, count: number): number[] {
  return [0x2a, ...read10(block, count).slice(1)];
}
