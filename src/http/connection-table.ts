// The open connections of the boot plane by peer.
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { descriptorOf } from './descriptor.ts';

export class ConnectionTable {
  private readonly byPeer = new Map<string, Set<Socket>>();

  /** Tracks the connections of a server from now on. */
  follow(server: Server): void {
    server.on('connection', (socket: Socket) => {
      const peer = socket.remoteAddress ?? '';
      const sockets = this.byPeer.get(peer) ?? new Set();
      this.byPeer.set(peer, sockets.add(socket));
      socket.once('close', () => {
        sockets.delete(socket);
        if (sockets.size === 0 && this.byPeer.get(peer) === sockets) this.byPeer.delete(peer);
      });
    });
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
