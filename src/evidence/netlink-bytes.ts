// Messages of rtnetlink as bytes (netlink(7), rtnetlink(7)): headers, and attributes of a type and a length.
import { endianness } from 'node:os';
import { SOCKET } from '../libc.ts';

const REQUEST_FLAG = 1;
const HEADER = 16;
const ATTRIBUTE_HEADER = 4;
/** The kernel sets flags in the two upper bits of an attribute's type. */
const TYPE_MASK = 0x3fff;

export type Order = 'LE' | 'BE';

export interface NetlinkMessage {
  type: number;
  body: Buffer;
}

export const u16 = (bytes: Buffer, at: number, order: Order = endianness()): number =>
  order === 'LE' ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at);
export const u32 = (bytes: Buffer, at: number, order: Order = endianness()): number =>
  order === 'LE' ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);

/** Returns the messages of a datagram, up to the first that cannot be read. */
export function decodeMessages(bytes: Buffer, order: Order = endianness()): NetlinkMessage[] {
  const messages: NetlinkMessage[] = [];
  for (let at = 0; at + HEADER <= bytes.length; ) {
    const length = u32(bytes, at, order);
    if (length < HEADER || at + length > bytes.length) break;
    messages.push({ type: u16(bytes, at + 4, order), body: bytes.subarray(at + HEADER, at + length) });
    at += aligned(length);
  }
  return messages;
}

/** Returns the attributes by their type, up to the first that cannot be read. */
export function decodeAttributes(bytes: Buffer, order: Order = endianness()): Map<number, Buffer> {
  const attributes = new Map<number, Buffer>();
  for (let at = 0; at + ATTRIBUTE_HEADER <= bytes.length; ) {
    const size = u16(bytes, at, order);
    if (size < ATTRIBUTE_HEADER || at + size > bytes.length) break;
    attributes.set(u16(bytes, at + 2, order) & TYPE_MASK, bytes.subarray(at + ATTRIBUTE_HEADER, at + size));
    at += aligned(size);
  }
  return attributes;
}

/** Returns a request in the machine's order; its sequence number is 1. */
export function encodeRequest(type: number, body: Buffer): Buffer {
  const length = HEADER + body.length;
  const [size, types, rest] = [Uint32Array.of(length), Uint16Array.of(type, REQUEST_FLAG), Uint32Array.of(1, 0)];
  return Buffer.concat([...[size, types, rest].map(({ buffer }) => Buffer.from(buffer)), body]);
}

/** Returns an attribute in the machine's order, filled up to four bytes. */
export function encodeAttribute(type: number, value: Buffer): Buffer {
  const length = ATTRIBUTE_HEADER + value.length;
  const header = Buffer.from(Uint16Array.of(length, type).buffer);
  return Buffer.concat([header, value], aligned(length));
}

/** struct sockaddr_nl, in the machine's order: family and padding, the port that the kernel is to choose, groups. */
export function netlinkAddress(groups = 0): Buffer {
  const family = Buffer.from(Uint16Array.of(SOCKET.AF_NETLINK, 0).buffer);
  return Buffer.concat([family, Buffer.from(Uint32Array.of(0, groups).buffer)]);
}

/** Netlink aligns everything to four bytes. */
const aligned = (length: number): number => (length + 3) & ~3;
