// The socket that receives the broadcasts of one interface. It is bound to the device, and opened again when the interface is
// created again.
import type { Socket } from 'node:dgram';
import { reasonOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { BootNetwork } from '../networks.ts';

export interface DhcpSocket {
  socket: Socket;
  network: BootNetwork;
  /** Whether it receives broadcasts. */
  broadcast: boolean;
  port: number;
}

/** Which broadcasts DHCP receives for an interface: only that interface's, those of all interfaces, or none. */
export interface Hearing {
  interface: string;
  hears: 'its own' | 'all' | 'nothing';
  /** Why it is not only its own. */
  reason?: string;
}

export interface EarPorts {
  /** Opens the socket, bound to the interface; rejects with the reason. */
  open(): Promise<Socket>;
  index(name: string): number | undefined;
  log: Log;
}

export class Ear implements DhcpSocket {
  socket: Socket;
  readonly network: BootNetwork;
  readonly broadcast = true;
  readonly port: number;
  private readonly ports: EarPorts;
  private index: number | undefined;
  private deaf: string | undefined;
  private looking = false;
  private closed = false;

  /** @param socket the first one, just opened */
  constructor(network: BootNetwork, port: number, socket: Socket, ports: EarPorts) {
    this.network = network;
    this.port = port;
    this.socket = socket;
    this.ports = ports;
    this.index = ports.index(network.interface);
  }

  get hearing(): Hearing {
    const { interface: name } = this.network;
    return this.deaf === undefined
      ? { interface: name, hears: 'its own' }
      : { interface: name, hears: 'nothing', reason: this.deaf };
  }

  /** Compares the interface with the one that the socket is bound to, and opens the socket again when they differ. */
  async look(): Promise<void> {
    const { interface: name } = this.network;
    const index = this.ports.index(name);
    if (this.looking || this.closed || (index === this.index && this.deaf === undefined)) return;
    if (index === undefined) return this.lost(`the interface ${name} is gone`);
    this.looking = true;
    try {
      const socket = await this.ports.open();
      if (this.closed) return void socket.close();
      this.replace(socket);
      this.index = index;
      this.deaf = undefined;
      this.ports.log.warn({ part: 'dhcp', interface: name }, `${name} was made again: DHCP listens on it again`);
    } catch (error) {
      this.lost(reasonOf(error));
    } finally {
      this.looking = false;
    }
  }

  close(): void {
    this.closed = true;
  }

  private lost(reason: string): void {
    if (this.deaf === reason) return;
    this.deaf = reason;
    const { interface: name } = this.network;
    this.ports.log.warn({ part: 'dhcp', interface: name }, `DHCP receives nothing on ${name}: ${reason}`);
  }

  /** Moves the listeners of the old socket to the new one. */
  private replace(socket: Socket): void {
    const old = this.socket;
    for (const event of ['message', 'error'])
      for (const listener of old.listeners(event)) socket.on(event, listener as (...args: unknown[]) => void);
    this.socket = socket;
    old.close();
  }
}
