// The TFTP server: receives requests on its port, sends refusals from there, and starts a channel for each transfer.

import type { ResourceLimits } from 'node:worker_threads';
import { monotonicNow } from '../clock.ts';
import { reasonOf } from '../errors.ts';
import { Admission, type AdmissionLimits } from './admission.ts';
import { BlockLimits } from './block-limits.ts';
import { Channel, type Outcome } from './channel.ts';
import type { ContentAnswer } from './contents.ts';
import type { Counts } from './counts.ts';
import type { Client, Datagrams, SocketLoop } from './datagrams.ts';
import { Deadlines } from './deadlines.ts';
import { Finished } from './finished.ts';
import type { Refusal } from './names.ts';
import { LARGEST_BLOCK } from './options.ts';
import { decodePacket, ERROR_CODE, type ErrorCode, encodeError, type Request } from './packet.ts';
import { type Listeners, type Meaning, peerOf, Report } from './report.ts';
import { isOfBoot, shown } from './words.ts';

export interface ServerOptions {
  /** The head's IPv4 address on the boot network; the server listens only there. */
  address: string;
  /** UDP port; 0 for any free one. Firmware knows only 69. */
  port: number;
  /** Sends all transfers from the server's own port, for firewalls and address translation between it and the nodes. */
  singlePort: boolean;
  limits?: AdmissionLimits;
  /** The largest block for any client, in bytes; the path's limit when absent. */
  mostBlock?: number;
  /** A socket bound to address and port, instead of opening one. */
  fd?: number;
  /** Memory limits of the thread; Node's own when absent. */
  memory?: ResourceLimits;
  /** Milliseconds between pings of the thread. */
  pingMs?: number;
}

/** The server's surroundings. */
export interface Surroundings {
  loop: SocketLoop;
  listeners: Listeners;
  counts: Counts;
  /** @param mostBlock the largest block that the path to the client carries */
  content(request: Request, client: Client, mostBlock: number): Promise<ContentAnswer>;
}

/** Requests that may wait for their content; further ones are not answered, and clients ask again. */
const MOST_ASKED = 1024;

export class Server {
  port = 0;
  private readonly options: ServerOptions;
  private readonly surroundings: Surroundings;
  private readonly now = monotonicNow;
  private readonly channels: Admission<Channel>;
  private readonly finished: Finished;
  private readonly blocks: BlockLimits;
  private readonly deadlines: Deadlines;
  private readonly report: Report;
  private readonly counts: Counts;
  private socket: Datagrams | undefined;
  private asked = 0;
  private closed: Promise<void> | undefined;

  constructor(options: ServerOptions, surroundings: Surroundings) {
    this.options = options;
    this.surroundings = surroundings;
    this.counts = surroundings.counts;
    this.report = new Report(surroundings.listeners, this.now);
    this.channels = new Admission(options.limits);
    this.finished = new Finished(this.now);
    this.blocks = new BlockLimits(this.now);
    this.deadlines = new Deadlines(surroundings.loop, () => this.channels.all(), this.now);
  }

  /** Resolves when requests are answered; rejects when the port is taken or not allowed. */
  async listen(): Promise<void> {
    const { address, port, fd } = this.options;
    // RFC 1123 §4.2.3.4, no answer to broadcasts: a socket bound to one address receives none.
    this.socket = await this.surroundings.loop.open({
      address,
      port,
      busy: true,
      ...(fd !== undefined && { fd }),
      received: (bytes, from) => this.received(bytes, from),
      failed: reason => this.report.socket(reason),
    });
    this.port = this.socket.port;
  }

  /** Ends all transfers with an error to each client, and resolves when the port is free. */
  close(): Promise<void> {
    this.closed ??= this.closeNow();
    return this.closed;
  }

  private async closeNow(): Promise<void> {
    for (const channel of Array.from(this.channels.all())) {
      channel.end({ ok: false, reason: 'the server is stopping', aborted: true }, 'The server is stopping.');
    }
    this.deadlines.stop();
    await this.socket?.close();
  }

  private received(bytes: Buffer, from: Client): void {
    try {
      const packet = decodePacket(bytes);
      if (packet.type === 'rrq') this.read(packet, bytes, from);
      else if (packet.type === 'wrq')
        this.refuse(from, packet.file, { code: ERROR_CODE.accessViolation, refused: READ_ONLY });
      else {
        const channel = this.options.singlePort ? this.channels.of(peerOf(from)) : undefined;
        if (channel) channel.received(bytes, from);
        else this.counts.add('ignored');
      }
    } catch (error) {
      this.counts.add('ignored');
      this.report.malformed(from, reasonOf(error));
    }
  }

  private read(request: Request, bytes: Buffer, from: Client): void {
    // RFC 1123 §4.2.4: octet and netascii are served, mail is not.
    if (request.mode !== 'octet' && request.mode !== 'netascii') {
      this.refuse(from, request.file, { code: ERROR_CODE.illegalOperation, refused: BAD_MODE });
      return;
    }
    if (this.asked >= MOST_ASKED) {
      this.counts.add('ignored');
      this.report.busy(from, `${this.asked} requests wait for their files already`);
    } else if (this.admits(bytes, from)) void this.serve(this.enter(bytes, from), request);
  }

  private admits(bytes: Buffer, from: Client): boolean {
    const verdict = this.channels.ask(peerOf(from), from.address, bytes.toString('latin1'));
    if (verdict.admit) {
      verdict.makeRoom?.end({ ok: false, reason: 'another request took its place', aborted: true });
      return true;
    }
    // No answer: an error would end the client's boot, and a client without an answer asks again.
    this.counts.add('ignored');
    if (verdict.repeats) verdict.repeats.requestAgain();
    else this.report.busy(from, verdict.reason);
    return false;
  }

  private enter(bytes: Buffer, from: Client): Channel {
    const client = { address: from.address, port: from.port };
    const channel = new Channel(client, bytes.toString('latin1'), this.channelEvents, this.now);
    channel.again = this.finished.has(channel.key, channel.request);
    this.channels.enter(channel);
    this.counts.set('active', this.channels.size);
    return channel;
  }

  private leave(channel: Channel): void {
    this.channels.leave(channel);
    this.counts.set('active', this.channels.size);
  }

  private async serve(channel: Channel, request: Request): Promise<void> {
    // Each script is made for its client, and a second one would end the boot that the first one began
    if (channel.again && isOfBoot(request.file) && !this.finished.beganSince(channel.key)) {
      this.leave(channel);
      this.counts.add('ignored');
      return;
    }
    this.asked += 1;
    const answer = await this.surroundings.content(request, channel.client, this.mostBlock(channel));
    this.asked -= 1;
    const { client } = channel;
    // The client, or the server, may be gone by now
    if (channel.over) return;
    if ('content' in answer) {
      if (answer.stage === undefined) this.finished.began(client.address);
      for (const older of this.channels.ofPeer(client.address)) if (older !== channel) older.superseded = true;
      if (this.options.singlePort && this.socket) channel.startShared(this.socket, answer);
      else await channel.start(this.surroundings.loop, this.options.address, answer);
      return;
    }
    this.leave(channel);
    if ('refused' in answer) this.refuse(client, answer.file ?? request.file, answer);
    else {
      this.counts.add('refused');
      this.report.unavailable(client, answer);
      this.answer(client, ERROR_CODE.undefined, `The file '${shown(answer.file)}' cannot be read now.`);
    }
  }

  /** Returns the largest block for a client: the configured limit, the path's, and the size that reached it so far. */
  private mostBlock({ address }: Channel): number {
    for (const channel of this.channels.ofPeer(address)) this.learn(channel);
    const known = [this.options.mostBlock, this.pathBlock(address), this.blocks.of(address)];
    return Math.min(...known.map(block => block ?? LARGEST_BLOCK));
  }

  /** What the kernel knows about the path. */
  private pathBlock(address: string): number | undefined {
    return this.surroundings.loop.mostBlock?.(this.options.address, address);
  }

  /** A client that acknowledged its options and then no block gets smaller blocks when it asks again. */
  private learn(channel: Channel): void {
    const { work, transfer, client } = channel;
    if (!work || channel.learned || !transfer?.isStuck(this.now())) return;
    channel.learned = true;
    const { blockSize } = work.terms;
    const path = this.pathBlock(client.address);
    // A router may have reported its limit by now
    if (path !== undefined && path < blockSize) this.report.stuck(channel, path, true);
    else {
      const next = this.blocks.stuck(client.address, blockSize);
      if (next !== undefined) this.report.stuck(channel, next);
    }
  }

  private refuse(to: Client, file: string, { code, refused, ...meaning }: Refusal & Meaning): void {
    this.counts.add('refused');
    const lacks = code === ERROR_CODE.notFound ? { fault: 'loader-lacks-its-file' as const } : {};
    this.report.refused(to, file, refused, { ...lacks, ...meaning });
    this.answer(to, code, refused);
  }

  private answer(to: Client, code: ErrorCode, message: string): void {
    this.socket?.send(encodeError(code, message), to);
  }

  private readonly channelEvents = {
    watch: (deadline: number): void => this.deadlines.watch(deadline),
    slow: (channel: Channel): void => this.report.slow(channel),
    ended: (channel: Channel, outcome: Outcome): void => {
      this.leave(channel);
      this.report.over(channel);
      this.learn(channel);
      if (outcome.ok) {
        this.counts.add('finished');
        this.counts.add('bytes', channel.work?.content.length ?? 0);
        this.finished.add(channel.key, channel.request);
        this.report.sent(channel);
      } else if (channel.halfOpen && channel.again) {
        // The client had repeated its request while the first one waited here, has the file, and has closed its port.
        this.counts.add('ignored');
      } else {
        this.counts.add('failed');
        this.report.notSent(channel, outcome.reason, outcome.aborted);
      }
    },
  };
}

const READ_ONLY = 'Files can only be read here.';
const BAD_MODE = "The mode must be 'octet' or 'netascii'.";
