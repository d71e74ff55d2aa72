// A DHCP message as bytes: decode and encode.
//
//   0 op  1 htype  2 hlen  3 hops | 4 xid | 8 secs  10 flags | 12 ciaddr | 16 yiaddr | 20 siaddr | 24 giaddr
//   28 chaddr (16) | 44 sname (64) | 108 file (128) | 236 magic cookie | 240 options        RFC 2131 §2

import { ipAt, writeIp } from '../wire/ip.ts';
import { WireError } from '../wire/reader.ts';
import { OPTIONS, type Options } from './options.ts';

export interface Packet {
  /** BOOTREQUEST or BOOTREPLY. */
  op: number;
  /** Hardware type; 1 is Ethernet, 32 InfiniBand. */
  htype: number;
  /** Length of the hardware address. */
  hlen: number;
  hops: number;
  xid: number;
  secs: number;
  flags: number;
  ciaddr: string;
  yiaddr: string;
  siaddr: string;
  giaddr: string;
  /** The whole field of 16 bytes. */
  chaddr: Buffer;
  /** Empty when the field carried options (RFC 2132 §9.3). */
  sname: string;
  /** Empty when the field carried options (RFC 2132 §9.3). */
  file: string;
  options: Options;
}

export const BOOTREQUEST = 1;
export const BOOTREPLY = 2;
export const ETHERNET = 1;
/** RFC 4390 §2.1. */
export const INFINIBAND = 32;
/** RFC 2131 §2, figure 2: the client asks for replies to 255.255.255.255. */
export const BROADCAST_FLAG = 0x8000;
export const NO_ADDRESS = '0.0.0.0';
/** Characters that fit the file field, its NUL not counted. */
export const FILE_ROOM = 127;

const SNAME = { start: 44, end: 108 } as const;
const FILE = { start: 108, end: 236 } as const;
const COOKIE = 0x63825363;
const OPTIONS_START = 240;
const PAD = 0;
const END = 255;
const IN_FILE = 1;
const IN_SNAME = 2;
/** RFC 1542 §2.1: some BOOTP clients and relays drop what is shorter. */
const FLOOR = 300;

/** No client sends more than a few frames, and joining split options is quadratic in the length. */
const CEILING = 4096;

/** Reads a message. Option values share memory with the input. Throws WireError for anything that is not a DHCP message. */
export function decode(input: Buffer): Packet {
  if (input.length < OPTIONS_START)
    throw new WireError(`${input.length} bytes are no DHCP message`, input.length, 'options');
  if (input.length > CEILING)
    throw new WireError(`${input.length} bytes are too many for a DHCP message`, CEILING, 'options');
  // RFC 2131 §3: the first four octets of the options field
  if (input.readUInt32BE(FILE.end) !== COOKIE)
    throw new WireError('no DHCP magic cookie: plain BOOTP', FILE.end, 'magic cookie');
  const options: Options = new Map();
  readOptions(input, OPTIONS_START, input.length, options);
  const overload = overloaded(options);
  // RFC 2131 §4.1: the file field is read before the sname field
  if (overload & IN_FILE) readOptions(input, FILE.start, FILE.end, options);
  if (overload & IN_SNAME) readOptions(input, SNAME.start, SNAME.end, options);
  return {
    op: input.readUInt8(0),
    htype: input.readUInt8(1),
    hlen: input.readUInt8(2),
    hops: input.readUInt8(3),
    xid: input.readUInt32BE(4),
    secs: input.readUInt16BE(8),
    flags: input.readUInt16BE(10),
    ciaddr: ipAt(input, 12),
    yiaddr: ipAt(input, 16),
    siaddr: ipAt(input, 20),
    giaddr: ipAt(input, 24),
    chaddr: input.subarray(28, SNAME.start),
    sname: overload & IN_SNAME ? '' : textUntilNul(input, SNAME.start, SNAME.end),
    file: overload & IN_FILE ? '' : textUntilNul(input, FILE.start, FILE.end),
    options,
  };
}

/**
 * Writes a message of at most `limit` bytes (UDP payload; at least 300), padded to the BOOTP floor. Options stand in the
 * order of the map, so the first ones are the last to be left out when there is no room: see `placeOptions`.
 */
export function encode(packet: Packet, limit: number): Buffer {
  // From the shared pool: a separate zeroed buffer costs more than the rest of the reply.
  const output = Buffer.allocUnsafe(Math.max(FLOOR, limit)).fill(0);
  output[0] = packet.op;
  output[1] = packet.htype;
  output[2] = packet.hlen;
  output[3] = packet.hops;
  output.writeUInt32BE(packet.xid, 4);
  output.writeUInt16BE(packet.secs, 8);
  output.writeUInt16BE(packet.flags, 10);
  writeIp(output, 12, packet.ciaddr);
  writeIp(output, 16, packet.yiaddr);
  writeIp(output, 20, packet.siaddr);
  writeIp(output, 24, packet.giaddr);
  output.set(packet.chaddr.subarray(0, 16), 28);
  writeText(output, SNAME, packet.sname);
  writeText(output, FILE, packet.file);
  output.writeUInt32BE(COOKIE, FILE.end);
  const end = placeOptions(output, packet);
  return output.subarray(0, Math.max(end, FLOOR));
}

/** Reads the options of one field into `options`; a repeated one continues the first (RFC 3396 §7). */
function readOptions(input: Buffer, start: number, end: number, options: Options): void {
  let at = start;
  while (at < end) {
    const code = input.readUInt8(at++);
    if (code === PAD) continue;
    // A field without an end mark ends with its last option: some clients send it like this (RFC 2131 §4.1 requires the mark).
    if (code === END) return;
    if (at >= end) throw new WireError('an option without length', at, `option ${code}`);
    const length = input.readUInt8(at++);
    if (at + length > end) throw new WireError(`wanted ${length} bytes, ${end - at} are left`, at, `option ${code}`);
    const value = input.subarray(at, at + length);
    const before = options.get(code);
    options.set(code, before ? Buffer.concat([before, value]) : value);
    at += length;
  }
}

function overloaded(options: Options): number {
  const value = options.get(OPTIONS.overload.code);
  if (!value) return 0;
  const fields = value.length === 1 ? value.readUInt8(0) : 0;
  if (fields < IN_FILE || fields > (IN_FILE | IN_SNAME))
    throw new WireError('names no field', 0, OPTIONS.overload.name);
  options.delete(OPTIONS.overload.code);
  return fields;
}

/**
 * Options into the options field; those without room there into file and sname where these are free (RFC 2131 §4.1);
 * those without room anywhere are left out. Answers where the options field ends.
 */
function placeOptions(output: Buffer, packet: Packet): number {
  const relay = packet.options.get(OPTIONS.relayInformation.code);
  const relayRoom = relay ? roomFor(relay) : 0;
  // RFC 3046 §2.2: without room for it the reply goes out without it
  const keepsRelay = relay !== undefined && relay.length <= 255 && OPTIONS_START + relayRoom + RESERVED < output.length;
  const main = { at: OPTIONS_START, end: output.length - RESERVED - (keepsRelay ? relayRoom : 0) };
  const spare = [
    { at: FILE.start, end: FILE.end - 1, bit: IN_FILE, free: packet.file === '' },
    { at: SNAME.start, end: SNAME.end - 1, bit: IN_SNAME, free: packet.sname === '' },
  ].filter(field => field.free);
  let overload = 0;
  for (const [code, value] of packet.options) {
    if (code === OPTIONS.relayInformation.code || code === OPTIONS.overload.code) continue;
    if (put(output, main, code, value)) continue;
    const field = spare.find(candidate => put(output, candidate, code, value));
    if (field) overload |= field.bit;
  }
  for (const field of spare) if (overload & field.bit) output[field.at] = END;
  if (overload) put(output, { at: main.at, end: output.length }, OPTIONS.overload.code, Buffer.of(overload));
  main.at += overload ? 3 : 0;
  // RFC 3046 §2.1: the last option, and never in an overloaded field
  if (relay && keepsRelay) put(output, { at: main.at, end: output.length }, OPTIONS.relayInformation.code, relay);
  main.at += keepsRelay ? relayRoom : 0;
  output[main.at] = END;
  return main.at + 1;
}

/** Kept free for the overload option and the end mark. */
const RESERVED = 4;

/** Writes an option if it fits whole; one longer than 255 bytes in several parts (RFC 3396 §5). */
function put(output: Buffer, field: { at: number; end: number }, code: number, value: Buffer): boolean {
  if (field.at + roomFor(value) > field.end) return false;
  let from = 0;
  do {
    const length = Math.min(255, value.length - from);
    output[field.at] = code;
    output[field.at + 1] = length;
    value.copy(output, field.at + 2, from, from + length);
    field.at += 2 + length;
    from += length;
  } while (from < value.length);
  return true;
}

function roomFor(value: Buffer): number {
  return value.length + 2 * Math.max(1, Math.ceil(value.length / 255));
}

function textUntilNul(input: Buffer, start: number, end: number): string {
  if (input[start] === 0) return '';
  const nul = input.indexOf(0, start);
  return input.toString('latin1', start, nul < 0 || nul > end ? end : nul);
}

function writeText(output: Buffer, field: { start: number; end: number }, text: string): void {
  if (text.length >= field.end - field.start)
    throw new RangeError(`'${text}' does not fit a field of ${field.end - field.start} bytes`);
  if (text !== '') output.write(text, field.start, 'latin1');
}
