// The TFTP server: takes requests on its port, answers refusals there, and starts a channel for each transfer.
import type { RemoteInfo, Socket } from 'node:dgram';
import { once } from 'node:events';
import { MusterError, reasonOf } from '../errors.ts';
import { type Libc, loadLibc } from '../libc.ts';
import { Admission, type AdmissionLimits } from './admission.ts';
import { Channel, type Client, type Outcome, openSocket } from './channel.ts';
import { Deadlines } from './deadlines.ts';
import { FileCache } from './files.ts';
import { Finished } from './finished.ts';
import { findFile, type TftpFiles } from './names.ts';
import { negotiate } from './options.ts';
import { decodePacket, ERROR_CODE, type ErrorCode, encodeError, type Request } from './packet.ts';
import { type Listeners, peerOf, Report } from './report.ts';
import { shown } from './words.ts';

export interface TftpOptions extends Listeners {
  /** The head's IPv4 address on the boot network; nothing else is listened on. */
  address: string;
  /** UDP port; 0 for any free one. Firmware knows no other than 69. */
  port: number;
  files: TftpFiles;
  /** Sends all transfers from the server's own port, for firewalls and address translation between it and the nodes. */
  singlePort?: boolean;
  /** Milliseconds of a clock that only goes forward. */
  now?: () => number;
  limits?: AdmissionLimits;
}

export interface TftpStats {
  /** Transfers now. */
  active: number;
  finished: number;
  failed: number;
  /** Requests answered with an error. */
  refused: number;
  /** Packets that came to nothing: repeated requests, malformed ones, those beyond the bounds. */
  ignored: number;
  /** Bytes of file content delivered by finished transfers. */
  bytes: number;
  /** Bytes of file content kept in memory. */
  cachedBytes: number;
}

export interface TftpServer {
  port: number;
  /** Ends all transfers, each client being told, and resolves when the port is free. */
  close(): Promise<void>;
  stats(): TftpStats;
}

/** Starts the server; resolves when requests are answered. */
export async function startTftpServer(options: TftpOptions): Promise<TftpServer> {
  const server = new Server(options);
  await server.listen();
  return server;
}

/** Room for the requests of a whole cluster that is switched on at once, and for its ACKs at a single port. */
const RECEIVE_BUFFER = 4 * 2 ** 20;

class Server implements TftpServer {
  port = 0;
  private readonly options: TftpOptions;
  private readonly now: () => number;
  private readonly files = new FileCache();
  private readonly channels: Admission<Channel>;
  private readonly finished: Finished;
  private readonly deadlines: Deadlines;
  private readonly report: Report;
  private readonly socket: Socket = openSocket();
  private libc: Libc | undefined;
  private closed: Promise<void> | undefined;
  private readonly counts = { finished: 0, failed: 0, refused: 0, ignored: 0, bytes: 0 };

  constructor(options: TftpOptions) {
    this.options = options;
    this.now = options.now ?? (() => performance.now());
    this.report = new Report(options, this.now);
    this.channels = new Admission(options.limits);
    this.finished = new Finished(this.now);
    this.deadlines = new Deadlines(() => this.channels.all(), this.now);
  }

  async listen(): Promise<void> {
    const { address, port } = this.options;
    this.libc = await loadLibc().catch(() => undefined);
    try {
      // RFC 1123 §4.2.3.4, no answer to broadcasts: a socket bound to one address receives none.
      const listening = once(this.socket, 'listening');
      this.socket.bind({ address, port, exclusive: true });
      await listening;
      this.socket.setRecvBufferSize(RECEIVE_BUFFER);
    } catch (error) {
      const reason = `TFTP cannot listen on ${address} port ${port}: ${reasonOf(error)}`;
      throw new MusterError('bad-config', reason, { cause: error });
    }
    this.port = this.socket.address().port;
    this.socket.on('message', (bytes, from) => this.received(bytes, from));
    this.socket.on('error', error => this.options.log.error({ reason: reasonOf(error) }, 'TFTP socket'));
  }

  close(): Promise<void> {
    this.closed ??= this.closeNow();
    return this.closed;
  }

  stats(): TftpStats {
    return { active: this.channels.size, ...this.counts, cachedBytes: this.files.bytes };
  }

  private async closeNow(): Promise<void> {
    for (const channel of Array.from(this.channels.all())) {
      channel.end({ ok: false, reason: 'the server is stopping', aborted: true }, 'The server is stopping.');
    }
    this.deadlines.stop();
    const closed = once(this.socket, 'close');
    this.socket.close();
    await closed;
  }

  private received(bytes: Buffer, from: RemoteInfo): void {
    try {
      const packet = decodePacket(bytes);
      if (packet.type === 'rrq') this.read(packet, bytes, from);
      else if (packet.type === 'wrq') this.refuse(from, packet.file, ERROR_CODE.accessViolation, READ_ONLY);
      else {
        const channel = this.options.singlePort ? this.channels.of(peerOf(from)) : undefined;
        if (channel) channel.received(bytes, from);
        else this.counts.ignored += 1;
      }
    } catch (error) {
      this.counts.ignored += 1;
      this.report.malformed(from, reasonOf(error));
    }
  }

  private read(request: Request, bytes: Buffer, from: RemoteInfo): void {
    // RFC 1123 §4.2.4: octet and netascii are served, mail is not.
    if (request.mode !== 'octet' && request.mode !== 'netascii') {
      this.refuse(from, request.file, ERROR_CODE.illegalOperation, BAD_MODE);
      return;
    }
    const answer = findFile(this.options.files, request.file);
    if ('refused' in answer) this.refuse(from, request.file, answer.code, answer.refused);
    else if (this.admits(bytes, from)) void this.serve(this.enter(bytes, from), request, answer.name, answer.source);
  }

  private admits(bytes: Buffer, from: Client): boolean {
    const verdict = this.channels.ask(peerOf(from), from.address, bytes.toString('latin1'));
    if (verdict.admit) {
      verdict.makeRoom?.end({ ok: false, reason: 'another request took its place', aborted: true });
      return true;
    }
    // No answer: an error would end the client's boot, and a client that hears nothing asks again.
    this.counts.ignored += 1;
    if (verdict.repeats) verdict.repeats.requestAgain();
    else this.report.busy(from, verdict.reason);
    return false;
  }

  private enter(bytes: Buffer, from: Client): Channel {
    for (const older of this.channels.ofPeer(from.address)) older.superseded = true;
    const client = { address: from.address, port: from.port };
    const channel = new Channel(client, bytes.toString('latin1'), this.channelEvents, this.now);
    channel.again = this.finished.has(channel.key, channel.request);
    this.channels.enter(channel);
    return channel;
  }

  private async serve(channel: Channel, request: Request, file: string, source: string | Buffer): Promise<void> {
    try {
      const content = typeof source === 'string' ? await this.files.read(source) : source;
      const sent = request.mode === 'netascii' ? this.files.asNetascii(content) : content;
      channel.start(
        this.options.address,
        { file, content: sent, ...negotiate(request.options, sent.length) },
        { ...(this.options.singlePort && { shared: this.socket }), ...(this.libc && { libc: this.libc }) },
      );
    } catch (error) {
      this.channels.leave(channel);
      this.counts.refused += 1;
      this.report.unavailable(channel.client, file, reasonOf(error));
      this.answer(channel.client, ERROR_CODE.undefined, `The file '${shown(file)}' cannot be read now.`);
    }
  }

  private refuse(to: Client, file: string, code: ErrorCode, reason: string): void {
    this.counts.refused += 1;
    this.report.refused(to, file, reason);
    this.answer(to, code, reason);
  }

  private answer(to: Client, code: ErrorCode, message: string): void {
    // A file may still have been read while the server was closed.
    if (this.closed) return;
    this.socket.send(encodeError(code, message), to.port, to.address);
  }

  private readonly channelEvents = {
    watch: (deadline: number): void => this.deadlines.watch(deadline),
    ended: (channel: Channel, outcome: Outcome): void => {
      this.channels.leave(channel);
      if (outcome.ok) {
        this.counts.finished += 1;
        this.counts.bytes += channel.work?.content.length ?? 0;
        this.finished.add(channel.key, channel.request);
        this.report.sent(channel);
      } else if (channel.halfOpen && channel.again) {
        // The client had repeated its request while the first one waited here, has the file, and has closed its port.
        this.counts.ignored += 1;
      } else {
        this.counts.failed += 1;
        this.report.notSent(channel, outcome.reason, outcome.aborted);
      }
    },
  };
}

const READ_ONLY = 'Files can only be read here.';
const BAD_MODE = "The mode must be 'octet' or 'netascii'.";
