// What the kernel knows about a connection (tcp(7), TCP_INFO; the layout is struct tcp_info of linux/tcp.h).
import { endianness } from 'node:os';
import type { TcpLook } from '../boot/evidence.ts';
import { type Libc, SOCKET } from '../libc.ts';

/** Places in the struct, in bytes. */
const AT = {
  retransmits: 2,
  segment: 16,
  unacknowledged: 24,
  lastAck: 56,
  again: 100,
  acknowledged: 120,
  sent: 136,
} as const;
const LENGTH = 192;
/** An older kernel fills in less. */
const LEAST = AT.sent + 4;

/** Returns undefined when the descriptor is no longer a connection. */
export function tcpLook(libc: Pick<Libc, 'getsockopt'>, fd: number): TcpLook | undefined {
  const bytes = Buffer.alloc(LENGTH);
  const result = libc.getsockopt(fd, SOCKET.SOL_TCP, SOCKET.TCP_INFO, bytes);
  return typeof result === 'number' ? decodeTcpInfo(bytes) : undefined;
}

export function decodeTcpInfo(bytes: Buffer, order: 'LE' | 'BE' = endianness()): TcpLook | undefined {
  if (bytes.length < LEAST) return undefined;
  const u32 = (at: number): number => (order === 'LE' ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at));
  const u64 = (at: number): number => Number(order === 'LE' ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at));
  return {
    ago: 0,
    retransmits: bytes.readUInt8(AT.retransmits),
    segment: u32(AT.segment),
    unacknowledged: u32(AT.unacknowledged),
    sent: u32(AT.sent),
    again: u32(AT.again),
    quiet: u32(AT.lastAck) / 1000,
    acknowledged: u64(AT.acknowledged),
  };
}

/** Returns the connection that waits longest for its peer. */
export function worst(looks: readonly TcpLook[]): TcpLook | undefined {
  return looks.filter(look => look.unacknowledged > 0).sort((left, right) => right.retransmits - left.retransmits)[0];
}
