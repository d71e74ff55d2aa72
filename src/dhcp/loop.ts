// The DHCP server's loop without its sockets: decodes, decides, replies, and reports.
import type { RemoteInfo } from 'node:dgram';
import { monotonicNow } from '../clock.ts';
import type { Refused } from '../refused.ts';
import { macFromBytes } from '../wire/mac.ts';
import { WireError } from '../wire/reader.ts';
import type { Answer, Arrival, Context } from './answer.ts';
import { Bindings } from './bindings.ts';
import { answer } from './exchange.ts';
import { answerLeaseQuery } from './leasequery.ts';
import { Lending } from './lending.ts';
import { getOption, MESSAGE, OPTIONS } from './options.ts';
import { decode, encode, type Packet } from './packet.ts';
import type { DhcpOptions } from './ports.ts';
import { proxyAnswer } from './proxy.ts';
import { Quarantine } from './quarantine.ts';
import { QUERIES_PER_SECOND, Rate } from './rate.ts';
import { Report } from './report.ts';
import { type Request, readRequest } from './request.ts';

/** How a message arrived: its arrival, and on which of the two ports. */
export interface Door extends Arrival {
  port: 'server' | 'boot';
}

/** Sends from the socket that has the address `from`. */
export type Send = (
  from: string,
  bytes: Buffer,
  port: number,
  address: string,
  done: (error: Error | null) => void,
) => void;

/** Addresses probed for one DISCOVER: a client waits a few seconds. */
const MOST_TRIES = 3;

export class Loop {
  private readonly options: DhcpOptions;
  private readonly transmit: Send;
  private readonly report: Report;
  private readonly rate: Rate;
  private readonly queries: Rate;
  private readonly monotonic: () => number;
  private readonly bindings: Bindings;
  private readonly quarantine: Quarantine;
  private readonly lending: Lending | undefined;
  private closed = false;
  readonly context: DhcpOptions & Context;

  constructor(options: DhcpOptions, transmit: Send) {
    this.options = options;
    this.transmit = transmit;
    const { config, lending, now = Date.now, monotonic = monotonicNow } = options;
    this.monotonic = monotonic;
    this.report = new Report(options, now, monotonic);
    this.rate = new Rate(monotonic);
    this.queries = new Rate(monotonic, QUERIES_PER_SECOND);
    this.bindings = new Bindings(monotonic);
    this.quarantine = options.quarantine ?? new Quarantine(monotonic);
    this.lending = lending && new Lending(lending);
    this.context = {
      ...options,
      quarantined: (ip: string) => this.quarantine.secondsLeft(ip),
      now,
      get leases() {
        return lending?.isOn() ? lending.leases : undefined;
      },
      get unknownLeaseSeconds() {
        return config['dhcp.unknown_lease_seconds'];
      },
    };
  }

  receive(bytes: Buffer, peer: RemoteInfo, door: Door): void {
    try {
      this.serve(bytes, peer, door);
    } catch (error) {
      if (error instanceof WireError) this.report.malformed(bytes, peer, error);
      else this.report.bug(peer.address, error);
    }
  }

  /** Sends nothing from now on: drops answers that wait, and their clients ask again. */
  close(): void {
    this.closed = true;
  }

  private serve(bytes: Buffer, peer: RemoteInfo, door: Door): void {
    const { options } = this;
    // Clients may send to a boot server's port from any port; its answer gives no right to anything
    if (door.port === 'server' && !this.isPrivileged(peer)) {
      this.report.say(
        'info',
        peer.address,
        `DHCP message from port ${peer.port}, which any user may use; clients ask from ${this.clientPort}`,
      );
      return;
    }
    const request = readRequest(decode(bytes));
    if (request.type === MESSAGE.leaseQuery && door.port === 'server') {
      this.query(request, door);
      return;
    }
    if (!this.rate.allows(request.mac)) {
      this.report.say(
        'warn',
        `rate ${request.mac}`,
        'more DHCP messages in a second than a client sends; the rest is ignored',
        request.mac,
      );
      return;
    }
    if (request.ignored.length > 0) this.report.ignored(request, peer);
    const isProxy = options.config['dhcp.mode'] === 'proxy';
    const result = isProxy ? proxyAnswer(request, this.context, door, door.port) : answer(request, this.context, door);
    if ('accepted' in result) this.over(request, result.inUse);
    if ('loan' in result && result.loan) {
      void this.lend(request, result, door);
      return;
    }
    if ('reply' in result) {
      this.send(encode(result.reply, request.sizeLimit), result, door.port === 'boot' ? peer : undefined);
      if (result.grant) options.granted?.(result.grant);
    }
    if ('accepted' in result && result.inUse) this.quarantine.enter(result.inUse);
    if (result.note) options.journey.note(result.note);
    this.report.tell(request, result, door.network);
  }

  /** RFC 4388: a question about leases, which does not come from a client. */
  private query(request: Request, { network }: Door): void {
    const { config, networks, directory, lending } = this.options;
    const { giaddr } = request.packet;
    if (!this.queries.allows(giaddr)) {
      this.report.say('warn', `queries ${giaddr}`, `more lease queries of ${giaddr} in a second than are answered`);
      return;
    }
    const requesters = config['dhcp.mode'] === 'authoritative' ? config['dhcp.leasequery'] : [];
    const { bindings, monotonic: now } = this;
    const isNodes = (ip: string): boolean => directory.nodeByIp(ip) !== undefined;
    const context = { requesters, networks, bindings, leases: lending?.leases, isNodes, now };
    const result = answerLeaseQuery(request, context, network.head);
    if ('reply' in result) this.send(encode(result.reply, request.sizeLimit), result);
    this.report.say(result.level, `query ${giaddr}`, 'reply' in result ? result.text : result.refused);
  }

  /** A client returned its address, or found that another machine uses it. */
  private over({ type, packet }: Request, inUse: string | undefined): void {
    if (type === MESSAGE.release) this.bindings.released(packet);
    if (inUse !== undefined) this.bindings.ended(inUse);
  }

  /** Handles an answer that must wait: until its address was probed, or its lease is durable. */
  private async lend(request: Request, result: Exclude<Answer, Refused>, door: Door, tries = 0): Promise<void> {
    const { mac } = request;
    if ('accepted' in result && result.inUse) this.quarantine.enter(result.inUse);
    try {
      const outcome = await this.lending?.settle(result.loan, 'reply' in result ? result.from : '');
      // The server may have stopped in the meantime: its sockets are gone
      if (this.closed) return;
      if (outcome?.do === 'send') {
        if ('reply' in result) this.send(encode(result.reply, request.sizeLimit), result);
        this.report.tell(request, result, door.network);
      } else if (outcome?.do === 'again') {
        this.quarantine.enter(outcome.ip);
        const text = `${outcome.ip} is in use by ${outcome.user}: not lent, another address is tried`;
        this.report.say('warn', `in use ${outcome.ip}`, text, mac);
        const next = tries < MOST_TRIES ? answer(request, this.context, door) : undefined;
        if (next && 'loan' in next && next.loan) await this.lend(request, next, door, tries + 1);
      } else if (outcome) this.report.say(outcome.error ? 'error' : 'debug', `lend ${mac}`, outcome.reason, mac);
    } catch (error) {
      this.report.bug(mac, error);
    }
  }

  /** An ACK to an INFORM has no lease time: that address is not one of ours (RFC 2131 §4.3.5). */
  private lease(reply: Packet): void {
    const seconds = getOption(reply.options, OPTIONS.leaseTime);
    if (getOption(reply.options, OPTIONS.messageType) !== MESSAGE.ack || seconds === undefined) return;
    if (this.options.config['dhcp.leasequery'].length > 0) this.bindings.given(reply, seconds);
    this.options.leased?.(reply.yiaddr, seconds);
  }

  /** Only root can send from the DHCP ports (RFC 2131 §4.1), so no user of a node can pose as its firmware. */
  private isPrivileged(peer: RemoteInfo): boolean {
    return peer.port === this.clientPort || peer.port === this.serverPort;
  }

  /** @param asker the sender of a question to the boot server's port: the answer goes there */
  private send(
    bytes: Buffer,
    { destination, from, reply }: Extract<Answer, { reply: unknown }>,
    asker?: RemoteInfo,
  ): void {
    this.lease(reply);
    const address = asker?.address ?? destination.address;
    const port = asker?.port ?? (destination.to === 'client' ? this.clientPort : this.serverPort);
    this.transmit(from, bytes, port, address, error => {
      if (!error) return;
      this.report.say('warn', address, `a DHCP reply could not be sent to ${address}: ${error.message}`);
      const node = this.options.directory.nodeByMac(macFromBytes(reply.chaddr.subarray(0, 6)))?.uid;
      this.options.failures?.failed({ deed: 'send', what: `send a DHCP reply to ${address}`, error, node });
    });
  }

  private get serverPort(): number {
    return this.options.serverPort ?? 67;
  }

  private get clientPort(): number {
    return this.options.clientPort ?? 68;
  }
}
