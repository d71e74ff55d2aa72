// What the kernel says of neighbours (rtnetlink(7), linux/neighbour.h) and ARP (RFC 826), as bytes.
import { endianness } from 'node:os';
import { ipAt, ipToBytes } from '../wire/ip.ts';
import { macFromBytes, macToBytes } from '../wire/mac.ts';
import { decodeAttributes, decodeMessages, type Order, u16 } from './netlink-bytes.ts';

const NEW_NEIGHBOUR = 28;
/** struct ndmsg: family, padding, index of the interface, state, flags, kind. */
const NEIGHBOUR_HEADER = 12;
const STATE_AT = 8;
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

/** Returns the news about IPv4 neighbours with an Ethernet address in a datagram of netlink; leaves out what is unreadable. */
export function decodeNews(bytes: Buffer, order: Order = endianness()): NeighbourNews[] {
  return decodeMessages(bytes, order).flatMap(({ type, body }) => {
    if (type !== NEW_NEIGHBOUR || body.length < NEIGHBOUR_HEADER || body[0] !== AF_INET) return [];
    const state = u16(body, STATE_AT, order);
    const attributes = decodeAttributes(body.subarray(NEIGHBOUR_HEADER), order);
    const [ip, mac] = [attributes.get(DESTINATION), attributes.get(LINK_ADDRESS)];
    if (ip?.length !== 4 || mac?.length !== 6 || (state & KNOWN) === 0) return [];
    return [{ ip: ipAt(ip), mac: macFromBytes(mac), confirmed: state === REACHABLE }];
  });
}

const ETHERNET = 1;
const IPV4 = 0x0800;
const REQUEST = 1;
const REPLY = 2;
const ARP_LENGTH = 28;

/** Returns an ARP request for an address, from ours. */
export function encodeArp(asked: string, own: { ip: string; mac: string }): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt16BE(ETHERNET, 0);
  head.writeUInt16BE(IPV4, 2);
  head.writeUInt8(6, 4);
  head.writeUInt8(4, 5);
  head.writeUInt16BE(REQUEST, 6);
  return Buffer.concat([head, macToBytes(own.mac), ipToBytes(own.ip), Buffer.alloc(6), ipToBytes(asked)]);
}

/** Returns who claims which address; undefined when the bytes are not an ARP reply. */
export function decodeArpReply(bytes: Buffer): { ip: string; mac: string } | undefined {
  if (bytes.length < ARP_LENGTH || bytes.readUInt16BE(2) !== IPV4 || bytes.readUInt16BE(6) !== REPLY) return undefined;
  return { mac: macFromBytes(bytes.subarray(8, 14)), ip: ipAt(bytes.subarray(14, 18)) };
}
