// The socket of one transfer: its port is the transfer's identity at the server (RFC 1350 §4), or the one that all share.
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import type { Libc } from '../libc.ts';
import type { Place } from './admission.ts';
import type { Timed } from './deadlines.ts';
import type { Negotiated } from './options.ts';
import { decodePacket, ERROR_CODE, encodeError, encodeOack } from './packet.ts';
import { blocksOfDatagram, dataPackets, openSegmenting, type Segmenting } from './segments.ts';
import { type Action, Transfer } from './transfer.ts';

export interface Client {
  address: string;
  port: number;
}

/** How long the answer to what may be a copy of a served request is waited for, in milliseconds; longer than clients wait. */
const COPY_MS = 5000;

export type Outcome = { ok: true } | { ok: false; reason: string; aborted: boolean };

export interface ChannelEvents {
  /** The deadline is nearer than it was. */
  watch(deadline: number): void;
  /** Said once, after the socket was given up. */
  ended(channel: Channel, outcome: Outcome): void;
}

export interface Work extends Negotiated {
  file: string;
  content: Buffer;
}

/** One transfer from the admitted request to its end. It holds its place while the file is still being read. */
export class Channel implements Place, Timed {
  readonly key: string;
  readonly address: string;
  readonly request: string;
  readonly client: Client;
  readonly startedAt: number;
  /** Whether this client had the same file by the same request a moment ago: then the request may be a copy that waited. */
  again = false;
  /** Whether the client asked for something newer: then this one's end is no news. */
  superseded = false;
  work: Work | undefined;
  transfer: Transfer | undefined;

  private readonly events: ChannelEvents;
  private readonly now: () => number;
  private socket: Socket | undefined;
  private isShared = false;
  /** Blocks that one send may carry, because the system cuts them apart. */
  private together = 1;
  private segmenting: Segmenting | undefined;
  private oack: Buffer | undefined;
  private done = false;

  constructor(client: Client, request: string, events: ChannelEvents, now: () => number) {
    this.client = client;
    this.key = `${client.address}:${client.port}`;
    this.address = client.address;
    this.request = request;
    this.events = events;
    this.now = now;
    this.startedAt = now();
  }

  get halfOpen(): boolean {
    return this.transfer?.halfOpen ?? true;
  }

  get overdue(): boolean {
    return this.transfer?.overdue ?? false;
  }

  get deadline(): number {
    return this.transfer && !this.done ? this.transfer.deadline : Number.POSITIVE_INFINITY;
  }

  /**
   * Opens the socket and sends the first packet.
   * @param shared the server's own socket, when all transfers go by its port; whoever reads it calls `received`
   * @param libc for windows that go out by one call
   */
  start(localAddress: string, work: Work, { shared, libc }: { shared?: Socket; libc?: Libc } = {}): void {
    if (this.done) return;
    this.work = work;
    if (shared) {
      this.socket = shared;
      this.isShared = true;
      this.begin(work);
      return;
    }
    const socket = openSocket();
    this.socket = socket;
    socket.on('message', (bytes, from) => this.received(bytes, from));
    socket.on('error', error => this.fail(`no socket: ${error.message}`, false));
    socket.once('listening', () => this.begin(work));
    const { blockSize, windowSize } = work.terms;
    this.segmenting = libc && windowSize > 1 ? openSegmenting(libc, localAddress, blockSize) : undefined;
    if (!this.segmenting) socket.bind({ address: localAddress, port: 0, exclusive: true });
    else {
      this.together = blocksOfDatagram(blockSize);
      socket.bind({ fd: this.segmenting.fd });
    }
  }

  /** The client sent its request a second time. */
  requestAgain(): void {
    if (this.transfer) this.act(this.transfer.requestAgain(this.now()));
  }

  expired(now: number): void {
    // Who asks again in earnest answers within this time, or repeats the request and is served anew
    if (this.again && this.halfOpen && now >= this.deadline && now - this.startedAt >= COPY_MS) {
      this.end({ ok: false, reason: 'a copy of a request that was served', aborted: true });
      return;
    }
    if (this.socket && this.transfer) this.act(this.transfer.tick(now, this.socket.getSendQueueCount() > 0));
  }

  /** Gives the transfer up; the client is told when there is something to tell. */
  end(outcome: Outcome, message?: string): void {
    if (this.done) return;
    this.done = true;
    if (message && this.socket && this.transfer) this.reply(encodeError(ERROR_CODE.undefined, message), this.client);
    if (!this.isShared) this.socket?.close();
    this.events.ended(this, outcome);
  }

  private begin(work: Work): void {
    if (this.done) return;
    this.oack = encodeOack(work.answers);
    const spec = { ...work.terms, size: work.content.length, oack: work.answers.length > 0 };
    this.transfer = new Transfer(spec, this.now());
    this.act(this.transfer.start(this.now()));
  }

  /** A packet that came to the transfer's port; in a shared one, from the transfer's client. */
  received(bytes: Buffer, from: RemoteInfo): void {
    if (this.done || !this.transfer) return;
    const packet = decode(bytes);
    if (from.port !== this.client.port || from.address !== this.client.address) {
      // RFC 1350 §4: a packet from elsewhere is answered with an error and does not disturb the transfer.
      if (packet?.type === 'error') return;
      this.reply(encodeError(ERROR_CODE.unknownTransferId, 'Unknown transfer ID.'), from);
    } else if (packet?.type === 'ack') {
      this.act(this.transfer.ack(packet.block, this.now()));
    } else if (packet?.type === 'error') {
      this.act(this.transfer.error(packet.code, packet.message));
    }
  }

  private act(action: Action): void {
    if (action.do === 'blocks') this.sendBlocks(action.first, action.last);
    else if (action.do === 'oack' && this.oack) this.reply(this.oack, this.client);
    else if (action.do === 'finished') this.end({ ok: true });
    else if (action.do === 'failed') this.fail(action.reason, action.aborted);
    if (!this.done) this.events.watch(this.deadline);
  }

  private fail(reason: string, aborted: boolean): void {
    this.end({ ok: false, reason, aborted }, aborted ? undefined : 'The transfer was given up.');
  }

  private sendBlocks(first: number, last: number): void {
    if (!this.work || !this.socket) return;
    const { content, terms } = this.work;
    const { address, port } = this.client;
    for (let from = first; from <= last; from += this.together) {
      const to = Math.min(last, from + this.together - 1);
      const packets = dataPackets(content, terms.blockSize, from, to);
      if (!this.segmenting) this.socket.send(packets, port, address);
      else this.socket.send(packets, port, address, error => error && this.sendApart(from, to));
    }
  }

  /**
   * The frames of this client's wire are shorter (EMSGSIZE), or its device cuts nothing (EIO, EINVAL): each block by itself from now
   * on. Several sends of one window may fail; what was meant to be sent by each goes out again.
   */
  private sendApart(first: number, last: number): void {
    if (this.done) return;
    this.together = 1;
    this.segmenting?.stop();
    this.segmenting = undefined;
    this.sendBlocks(first, last);
  }

  private reply(bytes: Buffer, to: Client): void {
    this.socket?.send(bytes, to.port, to.address);
  }
}

/**
 * An IPv4 socket that takes addresses as they are; Node's own look-up costs a turn of the event loop for each packet. Packets are
 * sent without a callback, which would cost a tick each: one that the system did not send (a full queue, a firewall) is then
 * a lost packet without a word, and the timer sends it again.
 */
export function openSocket(): Socket {
  return createSocket({
    type: 'udp4',
    lookup: (address, _options, callback) => callback(null, address, 4),
  });
}

function decode(bytes: Buffer): ReturnType<typeof decodePacket> | undefined {
  try {
    return decodePacket(bytes);
  } catch {
    return undefined;
  }
}
