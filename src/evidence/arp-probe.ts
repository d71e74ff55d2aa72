// Asks the wire who has an address, and receives every answer. This needs CAP_NET_RAW, which musterd's unit lacks on
// purpose (docs/security.md): then only the kernel's neighbour table is known, and `muster doctor` asks as root.
import { setTimeout as delay } from 'node:timers/promises';
import { type Libc, loadLibc, SOCKET } from '../libc.ts';
import { macToBytes } from '../wire/mac.ts';
import type { Link } from './links.ts';
import { decodeArpReply, encodeArp } from './neighbour-bytes.ts';

/** How long to wait for answers, in milliseconds, and when the question is sent. */
const WAIT_MS = 600;
const SENDS = [0, 200];
const POLL_MS = 20;
/** Addresses probed at the same time. */
const MOST = 16;
const ARP = 0x0806;
const BROADCAST = 'ff:ff:ff:ff:ff:ff';

let running = 0;

/** Returns the hardware addresses that answer for an address; undefined when the head may not ask, or is too busy. */
export async function probeArp(
  { ip, from }: { ip: string; from: string },
  { index, mac }: Link,
): Promise<string[] | undefined> {
  if (running >= MOST || mac === undefined) return undefined;
  const libc = await loadLibc();
  const fd = open(libc, index);
  if (fd === undefined) return undefined;
  running += 1;
  try {
    return await ask(libc, fd, index, ip, encodeArp(ip, { ip: from, mac }));
  } finally {
    running -= 1;
    libc.close(fd);
  }
}

async function ask(libc: Libc, fd: number, index: number, ip: string, question: Buffer): Promise<string[]> {
  const found = new Set<string>();
  const bytes = Buffer.alloc(128);
  const sender = linkAddress(index);
  for (let waited = 0; waited < WAIT_MS; waited += POLL_MS) {
    if (SENDS.includes(waited)) libc.sendto(fd, question, question.length, linkAddress(index));
    await delay(POLL_MS);
    for (let reads = 0; reads < 1000; reads += 1) {
      const length = libc.recvfrom(fd, bytes, sender);
      if (typeof length !== 'number') break;
      const reply = decodeArpReply(bytes.subarray(0, length));
      if (reply?.ip === ip) found.add(reply.mac);
    }
  }
  return [...found];
}

function open(libc: Libc, index: number): number | undefined {
  const fd = libc.socket(SOCKET.AF_PACKET, SOCKET.SOCK_DGRAM_CLOEXEC_NONBLOCK, bigEndian(ARP));
  if (typeof fd !== 'number') return undefined;
  if (typeof libc.bind(fd, linkAddress(index)) === 'number') return fd;
  libc.close(fd);
  return undefined;
}

/** struct sockaddr_ll (packet(7)): family, protocol, interface, kind of hardware and of packet, length, address. */
function linkAddress(index: number): Buffer {
  const bytes = Buffer.alloc(20);
  Buffer.from(Uint16Array.of(SOCKET.AF_PACKET).buffer).copy(bytes, 0);
  bytes.writeUInt16BE(ARP, 2);
  Buffer.from(Int32Array.of(index).buffer).copy(bytes, 4);
  bytes.writeUInt8(6, 11);
  macToBytes(BROADCAST).copy(bytes, 12);
  return bytes;
}

/** A protocol as socket(2) takes it: in the network's order. */
function bigEndian(value: number): number {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return new Uint16Array(bytes.buffer, bytes.byteOffset, 1)[0] ?? 0;
}
