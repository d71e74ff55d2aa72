// ICMP echo (RFC 792) as bytes.
import { Reader } from '../wire/reader.ts';
import { Writer } from '../wire/writer.ts';

const ECHO_REPLY = 0;
const ECHO_REQUEST = 8;

/** Bytes before the data of an echo, and of an IPv4 header without options. */
const ECHO_HEADER = 8;
const IP_HEADER = 20;

export interface Echo {
  id: number;
  sequence: number;
}

/** Returns an echo request that makes an IP packet of this many bytes. */
export function encodeEcho({ id, sequence }: Echo, packet: number): Buffer {
  const data = Buffer.alloc(packet - IP_HEADER - ECHO_HEADER);
  const bytes = Buffer.concat([
    new Writer(ECHO_HEADER).u8(ECHO_REQUEST).u8(0).u16(0).u16(id).u16(sequence).finish(),
    data,
  ]);
  bytes.writeUInt16BE(checksum(bytes), 2);
  return bytes;
}

/** Returns the echo that an answer belongs to; undefined when the bytes are not an echo reply. @param ip whether an IP header comes first */
export function decodeEcho(bytes: Buffer, ip: boolean): Echo | undefined {
  const header = ip ? ((bytes[0] ?? 0) & 0x0f) * 4 : 0;
  if (bytes.length < header + ECHO_HEADER || bytes[header] !== ECHO_REPLY) return undefined;
  const reader = new Reader(bytes.subarray(header + 4, header + ECHO_HEADER));
  return { id: reader.u16('id'), sequence: reader.u16('sequence') };
}

/** RFC 1071. */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
