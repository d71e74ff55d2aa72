// What the kernel says of neighbours (rtnetlink(7), linux/neighbour.h) and ARP (RFC 826), as bytes.
import { endianness } from 'node:os';
import { ipAt, ipToBytes } from '../wire/ip.ts';
import { macFromBytes, macToBytes } from '../wire/mac.ts';

const NEW_NEIGHBOUR = 28;
const MESSAGE_HEADER = 16;
const NEIGHBOUR_HEADER = 12;
const ATTRIBUTE_HEADER = 4;
const DESTINATION = 1;
const LINK_ADDRESS = 2;
const AF_INET = 2;

/** States of an entry: it was confirmed a moment ago, or by traffic before that. */
const REACHABLE = 0x02;
const KNOWN = 0x02 | 0x04 | 0x08 | 0x10;

export interface NeighbourNews {
  ip: string;
  mac: string;
  /** Whether the neighbour has just answered. */
  confirmed: boolean;
}

/** Returns what a datagram of netlink says of IPv4 neighbours with an Ethernet address; what cannot be read is left out. */
export function decodeNews(bytes: Buffer, order: 'LE' | 'BE' = endianness()): NeighbourNews[] {
  const u16 = (at: number): number => (order === 'LE' ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at));
  const u32 = (at: number): number => (order === 'LE' ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at));
  const news: NeighbourNews[] = [];
  for (let at = 0; at + MESSAGE_HEADER <= bytes.length; ) {
    const length = u32(at);
    const end = at + length;
    if (length < MESSAGE_HEADER || end > bytes.length) break;
    const body = at + MESSAGE_HEADER;
    if (u16(at + 4) === NEW_NEIGHBOUR && length >= MESSAGE_HEADER + NEIGHBOUR_HEADER && bytes[body] === AF_INET) {
      const state = u16(body + 8);
      let [ip, mac] = ['', ''];
      for (let attribute = body + NEIGHBOUR_HEADER; attribute + ATTRIBUTE_HEADER <= end; ) {
        const size = u16(attribute);
        if (size < ATTRIBUTE_HEADER || attribute + size > end) break;
        const value = bytes.subarray(attribute + ATTRIBUTE_HEADER, attribute + size);
        if (u16(attribute + 2) === DESTINATION && value.length === 4) ip = ipAt(value);
        if (u16(attribute + 2) === LINK_ADDRESS && value.length === 6) mac = macFromBytes(value);
        attribute += aligned(size);
      }
      if (ip && mac && (state & KNOWN) !== 0) news.push({ ip, mac, confirmed: state === REACHABLE });
    }
    at += aligned(length);
  }
  return news;
}

/** Netlink aligns everything to four bytes. */
const aligned = (length: number): number => (length + 3) & ~3;

const ETHERNET = 1;
const IPV4 = 0x0800;
const REQUEST = 1;
const REPLY = 2;
const ARP_LENGTH = 28;

/** Returns a request who has an address, from ours. */
export function encodeArp(asked: string, own: { ip: string; mac: string }): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt16BE(ETHERNET, 0);
  head.writeUInt16BE(IPV4, 2);
  head.writeUInt8(6, 4);
  head.writeUInt8(4, 5);
  head.writeUInt16BE(REQUEST, 6);
  return Buffer.concat([head, macToBytes(own.mac), ipToBytes(own.ip), Buffer.alloc(6), ipToBytes(asked)]);
}

/** Returns who says to have which address; undefined when the bytes are no ARP reply. */
export function decodeArpReply(bytes: Buffer): { ip: string; mac: string } | undefined {
  if (bytes.length < ARP_LENGTH || bytes.readUInt16BE(2) !== IPV4 || bytes.readUInt16BE(6) !== REPLY) return undefined;
  return { mac: macFromBytes(bytes.subarray(8, 14)), ip: ipAt(bytes.subarray(14, 18)) };
}
