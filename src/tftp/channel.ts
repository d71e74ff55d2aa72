// The socket of one transfer: its port identifies the transfer at the server (RFC 1350 §4), unless all share one.
import { reasonOf } from '../errors.ts';
import type { Place } from './admission.ts';
import type { Work } from './contents.ts';
import type { Client, Datagrams, SocketLoop } from './datagrams.ts';
import type { Timed } from './deadlines.ts';
import { decodePacket, ERROR_CODE, encodeError, encodeOack } from './packet.ts';
import { type Action, Transfer } from './transfer.ts';

/** How long to wait for the answer to a possible copy of a served request, in milliseconds; longer than clients wait. */
const COPY_MS = 5000;

/** A loader transfer takes less than this, in milliseconds; slower transfers are reported each time. */
const SLOW_MS = 2000;

export type Outcome = { ok: true } | { ok: false; reason: string; aborted: boolean };

export interface ChannelEvents {
  /** The deadline is earlier than before. */
  watch(deadline: number): void;
  /** The transfer takes long; called repeatedly as long as it does. */
  slow(channel: Channel): void;
  /** Called once, after the socket was closed. */
  ended(channel: Channel, outcome: Outcome): void;
}

/** One transfer from the admitted request to its end. It holds its place while the file is still being read. */
export class Channel implements Place, Timed {
  readonly key: string;
  readonly address: string;
  readonly request: string;
  readonly client: Client;
  readonly startedAt: number;
  /** Whether this client had the same file by the same request a moment ago: then the request may be a delayed copy. */
  again = false;
  /** Whether the client made a newer request: then the end of this transfer is no news. */
  superseded = false;
  /** Whether it was used as evidence of the path's block size. */
  learned = false;
  /** Whether it has ended, or made room for another. */
  over = false;
  /** Whether it was reported as slow. */
  isSlow = false;
  work: Work | undefined;
  transfer: Transfer | undefined;

  private readonly events: ChannelEvents;
  private readonly now: () => number;
  private socket: Datagrams | undefined;
  private isShared = false;
  private toldAt: number;
  private oack: Buffer | undefined;

  constructor(client: Client, request: string, events: ChannelEvents, now: () => number) {
    this.client = client;
    this.key = `${client.address}:${client.port}`;
    this.address = client.address;
    this.request = request;
    this.events = events;
    this.now = now;
    this.startedAt = now();
    this.toldAt = this.startedAt;
  }

  get halfOpen(): boolean {
    return this.transfer?.halfOpen ?? true;
  }

  get overdue(): boolean {
    return this.transfer?.overdue ?? false;
  }

  get deadline(): number {
    return this.transfer && !this.over ? this.transfer.deadline : Number.POSITIVE_INFINITY;
  }

  /** Sends the first packet on the server's own socket, when all transfers use its port; whoever reads it calls `received`. */
  startShared(socket: Datagrams, work: Work): void {
    this.isShared = true;
    this.begin(socket, work);
  }

  /** Opens a socket and sends the first packet. */
  async start(loop: SocketLoop, address: string, work: Work): Promise<void> {
    if (this.over) return;
    this.work = work;
    const { blockSize, windowSize } = work.terms;
    try {
      const socket = await loop.open({
        address,
        port: 0,
        ...(windowSize > 1 && { cut: blockSize }),
        received: (bytes, from) => this.received(bytes, from),
        failed: reason => this.fail(`no socket: ${reason}`, false),
      });
      this.begin(socket, work);
    } catch (error) {
      this.fail(`no socket: ${reasonOf(error)}`, false);
    }
  }

  /** The client repeated its request. */
  requestAgain(): void {
    if (this.transfer) this.act(this.transfer.requestAgain(this.now()));
  }

  expired(now: number): void {
    // A client that really asks again answers within this time, or repeats the request and is served again
    if (this.again && this.halfOpen && now >= this.deadline && now - this.startedAt >= COPY_MS) {
      this.end({ ok: false, reason: 'a copy of a request that was served', aborted: true });
      return;
    }
    if (this.socket && this.transfer) this.act(this.transfer.tick(now, this.socket.waiting));
  }

  /** Ends the transfer; `message` goes to the client. */
  end(outcome: Outcome, message?: string): void {
    if (this.over) return;
    this.over = true;
    if (message && this.socket && this.transfer) this.reply(encodeError(ERROR_CODE.undefined, message), this.client);
    if (!this.isShared) void this.socket?.close();
    this.events.ended(this, outcome);
  }

  private begin(socket: Datagrams, work: Work): void {
    // It may have ended while its socket was opened
    if (this.over) {
      if (!this.isShared) void socket.close();
      return;
    }
    this.socket = socket;
    this.work = work;
    this.oack = encodeOack(work.answers);
    const spec = { ...work.terms, size: work.content.length, oack: work.answers.length > 0 };
    this.transfer = new Transfer(spec, this.now());
    this.act(this.transfer.start(this.now()));
  }

  /** A packet arrived at the transfer's port; in a shared one, from the transfer's client. */
  received(bytes: Buffer, from: Client): void {
    if (this.over || !this.transfer) return;
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
    if (this.over) return;
    this.events.watch(this.deadline);
    const now = this.now();
    if (now - this.toldAt < SLOW_MS) return;
    this.toldAt = now;
    this.isSlow = true;
    this.events.slow(this);
  }

  private fail(reason: string, aborted: boolean): void {
    this.end({ ok: false, reason, aborted }, aborted ? undefined : 'The transfer was given up.');
  }

  private sendBlocks(first: number, last: number): void {
    if (!this.work) return;
    const { content, terms } = this.work;
    this.socket?.sendBlocks({ content, blockSize: terms.blockSize, first, last }, this.client);
  }

  private reply(bytes: Buffer, to: Client): void {
    this.socket?.send(bytes, to);
  }
}

function decode(bytes: Buffer): ReturnType<typeof decodePacket> | undefined {
  try {
    return decodePacket(bytes);
  } catch {
    return undefined;
  }
}
