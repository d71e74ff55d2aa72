// The open connections of the boot plane by peer.
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { systemCode } from '../errors.ts';
import { descriptorOf } from './descriptor.ts';

export class ConnectionTable {
  private readonly byPeer = new Map<string, Set<Socket>>();
  private readonly known = new WeakSet<Socket>();
  private readonly onReset: (peer: string) => void;

  /** @param onReset receives the address of each peer that resets a connection */
  constructor(onReset: (peer: string) => void = () => {}) {
    this.onReset = onReset;
  }

  /** Tracks the connections of a server from now on. */
  follow(server: Server): void {
    server.on('connection', (socket: Socket) => {
      const peer = socket.remoteAddress ?? '';
      const sockets = this.byPeer.get(peer) ?? new Set();
      this.byPeer.set(peer, sockets.add(socket));
      socket.on('error', error => {
        if (systemCode(error) === 'ECONNRESET') this.reset(socket, peer);
      });
      socket.once('close', () => {
        sockets.delete(socket);
        if (sockets.size === 0 && this.byPeer.get(peer) === sockets) this.byPeer.delete(peer);
      });
    });
  }

  /** A connection was reset. A thread that sends may see it first: then nobody else does. */
  reset(socket: Socket, peer: string): void {
    if (this.known.has(socket)) return;
    this.known.add(socket);
    this.onReset(peer);
  }

  /** Returns a peer's connections. Their descriptors are valid until the event loop continues. */
  of(peer: string): { peer: string; socket: Socket; descriptor: number }[] {
    return [...(this.byPeer.get(peer) ?? [])].flatMap(socket => {
      const descriptor = descriptorOf(socket);
      return descriptor === undefined ? [] : [{ peer, socket, descriptor }];
    });
  }

  /** Yields all connections, even if some open or close in the meantime. */
  *all(): Generator<{ peer: string; socket: Socket; descriptor: number }> {
    for (const [peer, sockets] of this.byPeer)
      for (const socket of sockets) {
        const descriptor = descriptorOf(socket);
        if (descriptor !== undefined) yield { peer, socket, descriptor };
      }
  }
}
