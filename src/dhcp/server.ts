// The DHCP server's sockets and its loop: receive, decode, ask, encode, send, note.
import type { RemoteInfo } from 'node:dgram';
import type { Directory } from '../boot/directory.ts';
import type { JourneyLog } from '../boot/journey.ts';
import type { Loaders, SpareLoaders } from '../boot/loaders.ts';
import type { Config } from '../config.ts';
import { type Log, LogLimiter } from '../log.ts';
import type { BootNetwork, Networks } from '../networks.ts';
import { macFromBytes } from '../wire/mac.ts';
import { WireError } from '../wire/reader.ts';
import { Bindings } from './bindings.ts';
import { type Answer, type Arrival, answer, type Context, type Grant } from './exchange.ts';
import { answerLeaseQuery } from './leasequery.ts';
import { Lending, type LendingPorts } from './lending.ts';
import { getOption, MESSAGE, OPTIONS } from './options.ts';
import { decode, encode, NO_ADDRESS, type Packet } from './packet.ts';
import { BOOT_SERVER_PORT, proxyAnswer } from './proxy.ts';
import { Quarantine } from './quarantine.ts';
import { QUERIES_PER_SECOND, Rate } from './rate.ts';
import { type Request, readRequest } from './request.ts';
import { openDhcpSockets } from './sockets.ts';

/** A client that no node is known for. */
export interface UnknownClient {
  mac: string;
  /** What it says of itself: `x64 UEFI (7)`. */
  architecture: string;
  vendorClass: string | undefined;
  /** Whether it asks for an address, with DISCOVER. */
  discovers: boolean;
  /** The relay agent that passed the message on. */
  relay: string | undefined;
  /** The network that it asked from, by its name. */
  network: string;
  /** Milliseconds since the epoch. */
  at: number;
}

export interface DhcpOptions {
  /** Those at the head's interfaces are listened on. */
  networks: Networks;
  /** Read anew for each message. */
  config: Pick<Config, 'http.port' | 'dhcp.mode' | 'dhcp.leasequery' | 'dhcp.unknown_lease_seconds'>;
  directory: Directory;
  journey: JourneyLog;
  log: Log;
  /** Read anew for each message, by architecture. */
  loaders: Loaders;
  served?: Context['served'];
  spares?: SpareLoaders;
  takesLogs?: boolean;
  /** Which of several loaders a node gets. */
  chooseLoader?: (node: string, files: readonly string[]) => string | undefined;
  /** Told of each address given to a boot that is under way: only after it may the node have its script. */
  granted?: (grant: Grant) => void;
  /** Lends addresses to machines that are no nodes. `isOn` is asked for each message. */
  lending?: LendingPorts & { isOn: () => boolean };
  /** Of addresses found in use; one of the server's own when absent. */
  quarantine?: Quarantine;
  /** Told of each address given by an ACK, and for how many seconds. */
  leased?: (ip: string, seconds: number) => void;
  /** Told of each message of an unknown client, at any rate: the receiver bounds what it keeps. */
  seen?: (client: UnknownClient) => void;
  /** UDP ports; 67, 68 and 4011 when absent. */
  serverPort?: number;
  clientPort?: number;
  bootServerPort?: number;
  now?: () => number;
}

export interface DhcpServer {
  /** What each message is decided with, to ask without one. */
  readonly context: Context;
  close(): Promise<void>;
}

/** What a message came in by: the arrival, and on which of the two ports. */
interface Door extends Arrival {
  port: 'server' | 'boot';
}

export async function startDhcpServer(options: DhcpOptions): Promise<DhcpServer> {
  const { networks, log } = options;
  const ports = [options.serverPort ?? 67];
  if (options.config['dhcp.mode'] === 'proxy') ports.push(options.bootServerPort ?? BOOT_SERVER_PORT);
  const sockets = await openDhcpSockets(networks.attached, ports);
  const loop = new Loop(options, (network, bytes, port, address, done) => {
    sockets.own(network).send(bytes, port, address, done);
  });
  for (const { socket, network, broadcast, port } of sockets.all) {
    const door: Door = { network, broadcast, port: port === ports[0] ? 'server' : 'boot' };
    socket.on('message', (bytes, peer) => loop.receive(bytes, peer, door));
    socket.on('error', error => log.error({ part: 'dhcp' }, `The DHCP socket failed: ${error.message}`));
  }
  return { context: loop.context, close: async () => sockets.close() };
}

/** So many addresses are tried for one DISCOVER: a client waits for some seconds. */
const MOST_TRIES = 3;

type Send = (from: string, bytes: Buffer, port: number, address: string, done: (error: Error | null) => void) => void;

class Loop {
  private readonly options: DhcpOptions;
  private readonly transmit: Send;
  private readonly limiter: LogLimiter;
  private readonly now: () => number;
  private readonly rate: Rate;
  private readonly queries: Rate;
  private readonly bindings: Bindings;
  private readonly quarantine: Quarantine;
  private readonly lending: Lending | undefined;
  readonly context: DhcpOptions & Context;

  constructor(options: DhcpOptions, transmit: Send) {
    this.options = options;
    this.transmit = transmit;
    this.now = options.now ?? Date.now;
    this.limiter = new LogLimiter(this.now);
    this.rate = new Rate(this.now);
    this.queries = new Rate(this.now, QUERIES_PER_SECOND);
    this.bindings = new Bindings(this.now);
    this.quarantine = options.quarantine ?? new Quarantine(this.now);
    const { config, lending } = options;
    this.lending = lending && new Lending(lending);
    this.context = {
      ...options,
      quarantined: (ip: string) => this.quarantine.secondsLeft(ip),
      now: this.now,
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
      if (error instanceof WireError) this.malformed(bytes, peer, error);
      else
        this.say(
          'error',
          peer.address,
          `A bug in muster's DHCP server: ${error instanceof Error ? error.stack : String(error)}`,
        );
    }
  }

  /** A node whose messages cannot be read gets no answer, and its administrator must hear why; noise of others is none of his. */
  private malformed(bytes: Buffer, peer: RemoteInfo, { message }: WireError): void {
    // hlen, and the Ethernet address: fixed fields, which stand whatever is wrong behind them
    const mac = bytes[2] === 6 && bytes.length >= 34 ? macFromBytes(bytes.subarray(28, 34)) : '';
    const node = this.options.directory.nodeByMac(mac);
    if (!node) this.say('debug', peer.address, `malformed DHCP message: ${message}`);
    else
      this.say(
        'warn',
        `malformed ${mac}`,
        `${node.name} is not answered, its DHCP message is malformed: ${message}`,
        mac,
      );
  }

  private ignored({ mac, ignored }: Request, peer: RemoteInfo): void {
    const node = this.options.directory.nodeByMac(mac);
    const what = ignored.join('; ');
    if (!node) this.say('debug', peer.address, `malformed DHCP options, taken as absent: ${what}`, mac);
    else
      this.say('warn', `malformed ${mac}`, `${node.name} sends malformed DHCP options, taken as absent: ${what}`, mac);
  }

  private serve(bytes: Buffer, peer: RemoteInfo, door: Door): void {
    const { options } = this;
    // To a boot server's port clients may send from any port; its answer gives no right to anything
    if (door.port === 'server' && !this.isPrivileged(peer)) {
      this.say(
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
      this.say(
        'warn',
        `rate ${request.mac}`,
        'more DHCP messages in a second than a client sends; the rest is ignored',
        request.mac,
      );
      return;
    }
    if (request.ignored.length > 0) this.ignored(request, peer);
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
    this.tell(request, result, door);
  }

  /** RFC 4388: a question about leases, of who is no client. */
  private query(request: Request, { network }: Door): void {
    const { config, networks, directory, lending } = this.options;
    const { giaddr } = request.packet;
    if (!this.queries.allows(giaddr)) {
      this.say('warn', `queries ${giaddr}`, `more lease queries of ${giaddr} in a second than are answered`);
      return;
    }
    const requesters = config['dhcp.mode'] === 'authoritative' ? config['dhcp.leasequery'] : [];
    const { bindings, now } = this;
    const isNodes = (ip: string): boolean => directory.nodeByIp(ip) !== undefined;
    const context = { requesters, networks, bindings, leases: lending?.leases, isNodes, now };
    const result = answerLeaseQuery(request, context, network.head);
    if ('reply' in result) this.send(encode(result.reply, request.sizeLimit), result);
    this.say(result.level, `query ${giaddr}`, 'reply' in result ? result.text : result.refusal);
  }

  /** A client gave its address back, or found that another machine uses it. */
  private over({ type, packet }: Request, inUse: string | undefined): void {
    if (type === MESSAGE.release) this.bindings.released(packet);
    if (inUse !== undefined) this.bindings.ended(inUse);
  }

  /** An answer that must wait: until its address was tried, or its lease is durable. */
  private async lend(
    request: Request,
    result: Exclude<Answer, { refusal: string }>,
    door: Door,
    tries = 0,
  ): Promise<void> {
    const { mac } = request;
    if ('accepted' in result && result.inUse) this.quarantine.enter(result.inUse);
    try {
      const outcome = await this.lending?.settle(result.loan, 'reply' in result ? result.from : '');
      if (outcome?.do === 'send') {
        if ('reply' in result) this.send(encode(result.reply, request.sizeLimit), result);
        this.tell(request, result, door);
      } else if (outcome?.do === 'again') {
        this.quarantine.enter(outcome.ip);
        const text = `${outcome.ip} is in use by ${outcome.user}: not lent, another address is tried`;
        this.say('warn', `in use ${outcome.ip}`, text, mac);
        const next = tries < MOST_TRIES ? answer(request, this.context, door) : undefined;
        if (next && 'loan' in next && next.loan) await this.lend(request, next, door, tries + 1);
      } else if (outcome) this.say(outcome.error ? 'error' : 'debug', `lend ${mac}`, outcome.reason, mac);
    } catch (error) {
      this.say('error', mac, `A bug in muster's DHCP server: ${error instanceof Error ? error.stack : String(error)}`);
    }
  }

  /** An ACK to an INFORM has no lease time: that address is not of ours (RFC 2131 §4.3.5). */
  private lease(reply: Packet): void {
    const seconds = getOption(reply.options, OPTIONS.leaseTime);
    if (getOption(reply.options, OPTIONS.messageType) !== MESSAGE.ack || seconds === undefined) return;
    if (this.options.config['dhcp.leasequery'].length > 0) this.bindings.given(reply, seconds);
    this.options.leased?.(reply.yiaddr, seconds);
  }

  /** Only root can send from the DHCP ports (RFC 2131 §4.1), so that no user of a node can pass for its firmware. */
  private isPrivileged(peer: RemoteInfo): boolean {
    return peer.port === this.clientPort || peer.port === this.serverPort;
  }

  /** @param asker where a question to the boot server's port came from: the answer goes there */
  private send(
    bytes: Buffer,
    { destination, from, reply }: Extract<Answer, { reply: unknown }>,
    asker?: RemoteInfo,
  ): void {
    this.lease(reply);
    const address = asker?.address ?? destination.address;
    const port = asker?.port ?? (destination.to === 'client' ? this.clientPort : this.serverPort);
    this.transmit(from, bytes, port, address, error => {
      if (error) this.say('warn', address, `a DHCP reply could not be sent to ${address}: ${error.message}`);
    });
  }

  private tell(request: Request, result: Answer, { network }: Door): void {
    const { mac, type, identity } = request;
    const text = 'reply' in result ? result.text : 'accepted' in result ? result.accepted : result.refusal;
    if (!result.unknown) {
      this.say(result.level, `${mac} ${type}`, text, mac);
      return;
    }
    this.options.seen?.(this.unknownClient(request, network));
    const more = 'refusal' in result ? ` (${identity.kind}, ${identity.label}); ignored` : '';
    // Hardware addresses are free to invent: the lines of all unknown ones together are bounded, to 16 a second
    this.say(result.level, `unknown ${mac.slice(-1)}`, `${text}${more}`, mac);
  }

  private unknownClient(request: Request, arrival: BootNetwork): UnknownClient {
    const { mac, type, identity, vendorClass, packet } = request;
    return {
      mac,
      architecture: identity.label,
      vendorClass,
      discovers: type === MESSAGE.discover,
      relay: packet.giaddr === NO_ADDRESS ? undefined : packet.giaddr,
      network: this.networkOf(request, arrival).name,
      at: this.now(),
    };
  }

  /** One line for each level, key and second. */
  private say(level: 'debug' | 'info' | 'warn' | 'error', key: string, text: string, mac?: string): void {
    const dropped = this.limiter.allow(`${level} ${key}`);
    if (dropped === undefined) return;
    const fields = { part: 'dhcp', ...(mac !== undefined && { mac }), ...(dropped > 0 && { dropped }) };
    this.options.log[level](fields, text);
  }

  private networkOf({ relay, packet }: Request, arrival: BootNetwork): BootNetwork {
    const said = relay.link ?? packet.giaddr;
    return (said === NO_ADDRESS ? undefined : this.options.networks.ofLink(said)) ?? arrival;
  }

  private get serverPort(): number {
    return this.options.serverPort ?? 67;
  }

  private get clientPort(): number {
    return this.options.clientPort ?? 68;
  }
}
