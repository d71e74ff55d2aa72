// The open connections of the boot plane by their peer, for who wants to look at them.
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { descriptorOf } from './descriptor.ts';

export class ConnectionTable {
  private readonly byPeer = new Map<string, Set<Socket>>();

  /** Follows the connections of a server from now on. */
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

  /** Returns the descriptors of a peer's connections. They are good until the event loop goes on. */
  descriptors(peer: string): number[] {
    return [...(this.byPeer.get(peer) ?? [])].flatMap(socket => descriptorOf(socket) ?? []);
  }
}
