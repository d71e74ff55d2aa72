// A window of DATA packets in one call: Linux cuts one long datagram into packets of equal length (UDP_SEGMENT), the last one
// shorter.
//
// Sixteen blocks cost little more than one, because they pass through the network stack once. It needs libc, packets that fit the
// wire unfragmented, and support by the network device; otherwise each block is a call.
import { type Called, type Libc, nativeInt, SOCKET, socketAddress } from '../libc.ts';
import type { Blocks } from './datagrams.ts';
import { OPCODE } from './packet.ts';

/** The room in an Ethernet frame next to the headers of IP and UDP: 1500 - 20 - 8. */
const MOST_PACKET = 1472;
/** Everything else on a transfer's socket, OACK and ERROR, is shorter than a packet of such a block, and so never cut. */
const LEAST_BLOCK = 512;
/** Opcode and block number (RFC 1350 §5). */
export const DATA_HEADER = 4;
/** The kernel's bound (UDP_MAX_SEGMENTS), and the longest datagram that IPv4 has. */
const MOST_SEGMENTS = 64;
const MOST_DATAGRAM = 65_507;

/** A UDP socket whose long datagrams are cut. */
export interface Segmenting {
  fd: number;
  /** Sends every datagram uncut from now on, as on any socket. Call it while the socket is open. */
  stop(): void;
}

/**
 * Opens a UDP socket, bound to a free port of the address, that cuts what is longer than a block's packet; undefined if the
 * system or the block size does not allow it. Whether the path's MTU allows it shows only on send: EMSGSIZE, for every packet
 * until `stop` is called.
 */
export function openSegmenting(libc: Libc, address: string, blockSize: number): Segmenting | undefined {
  if (blockSize < LEAST_BLOCK || blockSize + DATA_HEADER > MOST_PACKET) return undefined;
  const fd = libc.socket(SOCKET.AF_INET, SOCKET.SOCK_DGRAM_CLOEXEC_NONBLOCK, 0);
  if (typeof fd !== 'number') return undefined;
  const segment = (bytes: number): Called => libc.setsockopt(fd, SOCKET.SOL_UDP, SOCKET.UDP_SEGMENT, nativeInt(bytes));
  const steps: readonly (() => Called)[] = [
    () => segment(blockSize + DATA_HEADER),
    () => libc.bind(fd, socketAddress(address, 0)),
  ];
  if (steps.every(step => typeof step() === 'number')) return { fd, stop: () => void segment(0) };
  libc.close(fd);
  return undefined;
}

/** Returns the blocks in one datagram that is to be cut. */
export function blocksOfDatagram(blockSize: number): number {
  return Math.min(MOST_SEGMENTS, Math.floor(MOST_DATAGRAM / (blockSize + DATA_HEADER)));
}

/** Writes DATA packets of these blocks, one after the other, and returns their bytes. */
export function fillDatagram(into: Buffer, { content, blockSize }: Blocks, first: number, last: number): number {
  let at = 0;
  for (let block = first; block <= last; block += 1) {
    into[at] = 0;
    into[at + 1] = OPCODE.data;
    into[at + 2] = (block >> 8) & 0xff;
    into[at + 3] = block & 0xff;
    const start = (block - 1) * blockSize;
    at += DATA_HEADER + content.copy(into, at + DATA_HEADER, start, start + blockSize);
  }
  return at;
}
