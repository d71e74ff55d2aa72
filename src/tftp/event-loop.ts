// Sockets by Node's own event loop, for systems whose libc cannot be called.
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import {
  type Alarm,
  type Blocks,
  BUSY_ROOM,
  type Client,
  type Datagrams,
  type Opening,
  type SocketLoop,
} from './datagrams.ts';
import { DATA_HEADER, fillDatagram } from './segments.ts';

export const eventLoop: SocketLoop = {
  async open(opening: Opening): Promise<Datagrams> {
    const socket = createSocket({
      type: 'udp4',
      // Addresses are taken as they are; Node's own look-up costs a turn of the event loop for each packet
      lookup: (address, _options, callback) => callback(null, address, 4),
    });
    const listening = once(socket, 'listening');
    socket.bind({ address: opening.address, port: opening.port, exclusive: true });
    try {
      await listening;
    } catch (error) {
      socket.close();
      throw error;
    }
    if (opening.busy) socket.setRecvBufferSize(BUSY_ROOM);
    socket.on('message', (bytes, from) => opening.received(bytes, from));
    socket.on('error', error => opening.failed(error.message));
    return new NodeSocket(socket);
  },
  alarm: (ring: () => void): Alarm => new Timer(ring),
};

class NodeSocket implements Datagrams {
  readonly port: number;
  private readonly socket: Socket;

  constructor(socket: Socket) {
    this.socket = socket;
    this.port = socket.address().port;
  }

  get waiting(): boolean {
    return this.socket.getSendQueueCount() > 0;
  }

  /** Without a callback, which would cost a tick for each packet. */
  send(bytes: Buffer, to: Client): void {
    this.socket.send(bytes, to.port, to.address);
  }

  sendBlocks(blocks: Blocks, to: Client): void {
    for (let block = blocks.first; block <= blocks.last; block += 1) {
      const packet = Buffer.allocUnsafe(DATA_HEADER + blocks.blockSize);
      this.send(packet.subarray(0, fillDatagram(packet, blocks, block, block)), to);
    }
  }

  async close(): Promise<void> {
    const closed = once(this.socket, 'close');
    this.socket.close();
    await closed;
  }
}

class Timer implements Alarm {
  private readonly ring: () => void;
  private timer: NodeJS.Timeout | undefined;

  constructor(ring: () => void) {
    this.ring = ring;
  }

  set(milliseconds: number): void {
    this.stop();
    this.timer = setTimeout(this.ring, milliseconds);
  }

  stop(): void {
    clearTimeout(this.timer);
  }
}
