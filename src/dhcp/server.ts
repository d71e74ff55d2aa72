// The DHCP server's sockets and its loop: receive, decode, ask, encode, send, note.
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { Directory } from '../boot/directory.ts';
import type { JourneyLog } from '../boot/journey.ts';
import type { Loaders } from '../boot/loaders.ts';
import type { Config } from '../config.ts';
import { MusterError, reasonOf, systemCode } from '../errors.ts';
import { type Log, LogLimiter } from '../log.ts';
import type { Subnet } from '../wire/ip.ts';
import { WireError } from '../wire/reader.ts';
import { type Answer, answer, type Context, type Grant } from './exchange.ts';
import { MESSAGE } from './options.ts';
import { decode, encode, NO_ADDRESS } from './packet.ts';
import { EVERYONE } from './reply.ts';
import { type Request, readRequest } from './request.ts';

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
  /** Milliseconds since the epoch. */
  at: number;
}

export interface DhcpOptions {
  /** The head's address on the boot network; the interface that has it is the one that is served. */
  head: Subnet;
  /** Read anew for each message. */
  config: Pick<Config, 'dhcp.router' | 'dhcp.dns' | 'dhcp.domain' | 'dhcp.lease_seconds' | 'http.port'>;
  directory: Directory;
  journey: JourneyLog;
  log: Log;
  /** Read anew for each message, by architecture. */
  loaders: Loaders;
  served?: Context['served'];
  /** Told of each address given to a boot that is under way: only after it may the node have its script. */
  granted?: (grant: Grant) => void;
  /** Told of each message of an unknown client, at any rate: the receiver bounds what it keeps. */
  seen?: (client: UnknownClient) => void;
  /** UDP ports; 67 and 68 when absent. */
  serverPort?: number;
  clientPort?: number;
  now?: () => number;
}

export interface DhcpServer {
  close(): Promise<void>;
}

export async function startDhcpServer(options: DhcpOptions): Promise<DhcpServer> {
  const port = options.serverPort ?? 67;
  // Linux sends to 255.255.255.255 by the interface that has the socket's own address, so that this one socket sends everything;
  // and it receives what is sent to the head itself. Broadcasts arrive only at a socket bound to the broadcast address.
  const own = await listen(options.head.address, port);
  const broadcasts = await listen(EVERYONE, port).catch(async error => {
    await closed(own);
    throw error;
  });
  own.setBroadcast(true);
  const loop = new Loop(options, own);
  for (const socket of [own, broadcasts]) {
    socket.on('message', (bytes, peer) => loop.receive(bytes, peer));
    socket.on('error', error => options.log.error({ part: 'dhcp' }, `The DHCP socket failed: ${error.message}`));
  }
  return {
    close: async () => {
      await Promise.all([closed(own), closed(broadcasts)]);
    },
  };
}

class Loop {
  private readonly options: DhcpOptions;
  private readonly socket: Socket;
  private readonly limiter: LogLimiter;
  private readonly now: () => number;

  constructor(options: DhcpOptions, socket: Socket) {
    this.options = options;
    this.socket = socket;
    this.now = options.now ?? Date.now;
    this.limiter = new LogLimiter(this.now);
  }

  receive(bytes: Buffer, peer: RemoteInfo): void {
    try {
      this.serve(bytes, peer);
    } catch (error) {
      if (error instanceof WireError) this.say('debug', peer.address, `malformed DHCP message: ${error.message}`);
      else
        this.say(
          'error',
          peer.address,
          `A bug in muster's DHCP server: ${error instanceof Error ? error.stack : String(error)}`,
        );
    }
  }

  private serve(bytes: Buffer, peer: RemoteInfo): void {
    const { options } = this;
    if (!this.isPrivileged(peer)) {
      this.say(
        'info',
        peer.address,
        `DHCP message from port ${peer.port}, which any user may use; clients ask from ${this.clientPort}`,
      );
      return;
    }
    const request = readRequest(decode(bytes));
    const result = answer(request, options);
    if ('reply' in result) {
      this.send(encode(result.reply, request.sizeLimit), result);
      if (result.grant) options.granted?.(result.grant);
    }
    if (result.note) options.journey.note(result.note);
    this.tell(request, result);
  }

  /** Only root can send from the DHCP ports (RFC 2131 §4.1), so that no user of a node can pass for its firmware. */
  private isPrivileged(peer: RemoteInfo): boolean {
    return peer.port === this.clientPort || peer.port === this.serverPort;
  }

  private send(bytes: Buffer, { destination }: Extract<Answer, { reply: unknown }>): void {
    const port = destination.to === 'client' ? this.clientPort : this.serverPort;
    this.socket.send(bytes, port, destination.address, error => {
      if (error)
        this.say(
          'warn',
          destination.address,
          `a DHCP reply could not be sent to ${destination.address}: ${error.message}`,
        );
    });
  }

  private tell(request: Request, result: Answer): void {
    const { mac, type, identity, vendorClass } = request;
    const key = `${mac} ${type}`;
    if ('reply' in result) this.say(result.level, key, result.text, mac);
    else if ('accepted' in result) this.say(result.level, key, result.accepted, mac);
    else if (result.unknown) {
      this.options.seen?.({
        mac,
        architecture: identity.label,
        vendorClass,
        discovers: type === MESSAGE.discover,
        relay: request.packet.giaddr === NO_ADDRESS ? undefined : request.packet.giaddr,
        at: this.now(),
      });
      // Hardware addresses are free to invent: the lines of all unknown ones together are bounded, to 16 a second
      this.say(
        result.level,
        `unknown ${mac.slice(-1)}`,
        `${result.refusal} (${identity.kind}, ${identity.label}); ignored`,
        mac,
      );
    } else this.say(result.level, key, result.refusal, mac);
  }

  /** One line for each level, key and second. */
  private say(level: 'debug' | 'info' | 'warn' | 'error', key: string, text: string, mac?: string): void {
    const dropped = this.limiter.allow(`${level} ${key}`);
    if (dropped === undefined) return;
    const fields = { part: 'dhcp', ...(mac !== undefined && { mac }), ...(dropped > 0 && { dropped }) };
    this.options.log[level](fields, text);
  }

  private get serverPort(): number {
    return this.options.serverPort ?? 67;
  }

  private get clientPort(): number {
    return this.options.clientPort ?? 68;
  }
}

async function listen(address: string, port: number): Promise<Socket> {
  const socket = createSocket({
    type: 'udp4',
    reuseAddr: true,
    // Destinations are addresses, never names: without this each reply would wait for the resolver
    lookup: (host, _options, callback) => callback(null, host, 4),
  });
  // Asked for before the bind, which with such a lookup is done at once
  const listening = once(socket, 'listening');
  socket.bind(port, address);
  try {
    await listening;
  } catch (error) {
    throw new MusterError('bad-config', cannotListen(address, port, error), { cause: error });
  }
  return socket;
}

function cannotListen(address: string, port: number, error: unknown): string {
  const where = `The DHCP server cannot listen on ${address} port ${port}`;
  const code = systemCode(error);
  if (code === 'EADDRINUSE')
    return `${where}: another DHCP server runs on this machine; stop it, or set dhcp.enabled = false.`;
  if (code === 'EACCES') return `${where}: that needs root, or the capability CAP_NET_BIND_SERVICE.`;
  if (code === 'EADDRNOTAVAIL') return `${where}: no interface has that address; set head.address to the head's own.`;
  return `${where}: ${reasonOf(error)}`;
}

function closed(socket: Socket): Promise<void> {
  return new Promise(resolve => socket.close(() => resolve()));
}
