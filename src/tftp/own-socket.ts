// UDP sockets by system calls, in our own loop.
import { type Called, check, type Libc, nativeInt, readSocketAddress, SOCKET, socketAddress } from '../libc.ts';
import { READABLE, WRITABLE } from '../readiness.ts';
import {
  type Alarm,
  type Blocks,
  BUSY_ROOM,
  type Client,
  type Datagrams,
  type Opening,
  type SocketLoop,
} from './datagrams.ts';
import type { OwnLoop } from './own-loop.ts';
import { PathMtu } from './path-mtu.ts';
import { blocksOfDatagram, fillDatagram, openSegmenting, type Segmenting } from './segments.ts';

/** The longest datagram that IPv4 has. */
const MOST_DATAGRAM = 65_507;
const ACK_LENGTH = 4;
/** Datagrams to take from a socket of many clients before the others have their turn. */
const TURN = 64;
/** Bytes that may wait for room in a socket: a window of the longest blocks. The rest is lost. */
const MOST_WAITING = 64 * MOST_DATAGRAM;

export class OwnSockets implements SocketLoop {
  readonly libc: Libc;
  readonly loop: OwnLoop;
  /** For one datagram each, incoming and outgoing. */
  readonly inBox = Buffer.alloc(MOST_DATAGRAM);
  /** Nearly every packet is an ACK: a view of it is made once. */
  readonly inAck = this.inBox.subarray(0, ACK_LENGTH);
  readonly outBox = Buffer.alloc(MOST_DATAGRAM);
  /** A loop serves one address of the head. */
  private pathMtu: PathMtu | undefined;

  constructor(libc: Libc, loop: OwnLoop) {
    this.libc = libc;
    this.loop = loop;
  }

  async open(opening: Opening): Promise<Datagrams> {
    return new OwnSocket(this, opening);
  }

  alarm(ring: () => void): Alarm {
    return this.loop.alarm(ring);
  }

  mostBlock(from: string, to: string): number | undefined {
    this.pathMtu ??= new PathMtu(this.libc, from);
    return this.pathMtu.block(to);
  }
}

class OwnSocket implements Datagrams {
  readonly port: number;
  private readonly all: OwnSockets;
  private readonly opening: Opening;
  private readonly fd: number;
  private readonly waitFor: (what: number) => void;
  private segmenting: Segmenting | undefined;
  private readonly queue: { bytes: Buffer; to: Client }[] = [];
  private queued = 0;
  private isOpen = true;
  private readonly sender = Buffer.alloc(16);
  private readonly senderWords = new Uint32Array(this.sender.buffer, this.sender.byteOffset, 2);
  /** The last sender, and how its address begins: most sockets have one client. */
  private known: Client = { address: '', port: 0 };
  private readonly knownWords = new Uint32Array(2);
  private readonly addresses = new WeakMap<Client, Buffer>();

  constructor(all: OwnSockets, opening: Opening) {
    this.all = all;
    const { libc, loop } = all;
    this.opening = opening;
    const { address, port, fd, cut, busy } = opening;
    this.segmenting = cut === undefined ? undefined : openSegmenting(libc, address, cut);
    this.fd = fd ?? this.segmenting?.fd ?? bindUdp(libc, address, port);
    try {
      if (busy) check(libc.setsockopt(this.fd, SOCKET.SOL_SOCKET, SOCKET.SO_RCVBUF, nativeInt(BUSY_ROOM)));
      this.port = portOf(libc, this.fd);
      this.waitFor = loop.watch(this.fd, () => this.goOn());
    } catch (error) {
      this.release();
      throw error;
    }
  }

  get waiting(): boolean {
    return this.queued > 0;
  }

  send(bytes: Buffer, to: Client): void {
    this.sendBytes(bytes, bytes.length, to);
  }

  sendBlocks(blocks: Blocks, to: Client): void {
    const { blockSize, last } = blocks;
    const { outBox } = this.all;
    let { first } = blocks;
    while (first <= last) {
      const together = this.segmenting ? blocksOfDatagram(blockSize) : 1;
      const end = Math.min(last, first + together - 1);
      const length = fillDatagram(outBox, blocks, first, end);
      const sent = this.sendBytes(outBox, length, to);
      if (sent || !this.segmenting) first = end + 1;
      else this.stopCutting();
    }
  }

  async close(): Promise<void> {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.waitFor(0);
    this.release();
  }

  private release(): void {
    if (this.opening.fd === undefined) this.all.libc.close(this.fd);
  }

  /** Stops segmentation for this client: its frames are shorter (EMSGSIZE), or its device cannot cut (EIO, EINVAL). */
  private stopCutting(): void {
    this.segmenting?.stop();
    this.segmenting = undefined;
  }

  /** Returns whether the system accepted it, or will when there is room. */
  private sendBytes(bytes: Buffer, length: number, to: Client): boolean {
    if (!this.isOpen) return true;
    const called = this.waiting ? { code: 'EAGAIN' } : this.call(bytes, length, to);
    if (typeof called === 'number') return true;
    if (called.code !== 'EAGAIN') return false;
    if (this.queued + length > MOST_WAITING) return true;
    if (!this.waiting) this.waitFor(READABLE + WRITABLE);
    this.queue.push({ bytes: Buffer.from(bytes.subarray(0, length)), to });
    this.queued += length;
    return true;
  }

  private call(bytes: Buffer, length: number, to: Client): Called {
    let address = this.addresses.get(to);
    if (!address) {
      address = socketAddress(to.address, to.port);
      this.addresses.set(to, address);
    }
    return this.all.libc.sendto(this.fd, bytes, length, address);
  }

  private goOn(): void {
    if (this.waiting) this.sendWaiting();
    this.receive();
  }

  private sendWaiting(): void {
    const waiting = this.queue.splice(0);
    this.queued = 0;
    for (const { bytes, to } of waiting) this.sendBytes(bytes, bytes.length, to);
    if (!this.waiting) this.waitFor(READABLE);
  }

  private receive(): void {
    const { libc, inBox, inAck } = this.all;
    for (let turn = this.opening.busy ? TURN : 1; turn > 0 && this.isOpen; turn -= 1) {
      const length = libc.recvfrom(this.fd, inBox, this.sender);
      if (typeof length !== 'number') return;
      this.opening.received(length === ACK_LENGTH ? inAck : inBox.subarray(0, length), this.whoSent());
    }
  }

  private whoSent(): Client {
    const [first = 0, second = 0] = this.senderWords;
    if (first !== this.knownWords[0] || second !== this.knownWords[1]) {
      this.known = readSocketAddress(this.sender);
      this.knownWords.set(this.senderWords);
    }
    return this.known;
  }
}

/** Opens a UDP socket that does not block, bound to an address and port; 0 for any free one. Throws the code of the system's error. */
export function bindUdp(libc: Libc, address: string, port: number): number {
  const fd = check(libc.socket(SOCKET.AF_INET, SOCKET.SOCK_DGRAM_CLOEXEC_NONBLOCK, 0));
  const bound = libc.bind(fd, socketAddress(address, port));
  if (typeof bound === 'number') return fd;
  libc.close(fd);
  return check(bound);
}

/** Returns the port of a socket. */
export function portOf(libc: Libc, fd: number): number {
  const own = Buffer.alloc(16);
  check(libc.getsockname(fd, own));
  return readSocketAddress(own).port;
}
