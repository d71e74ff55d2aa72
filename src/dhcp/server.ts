// The DHCP server: its sockets, what arrival on each means, and the loop that answers.
import type { Context } from './answer.ts';
import type { Hearing } from './ear.ts';
import { type Door, Loop } from './loop.ts';
import type { DhcpOptions } from './ports.ts';
import { BOOT_SERVER_PORT } from './proxy.ts';
import { openDhcpSockets } from './sockets.ts';

export interface DhcpServer {
  /** The context of each decision, for callers without a message. */
  readonly context: Context;
  /** Which broadcasts of each interface are received now. */
  hearing(): Hearing[];
  close(): Promise<void>;
}

export async function startDhcpServer(options: DhcpOptions): Promise<DhcpServer> {
  const { networks, log } = options;
  const ports = [options.serverPort ?? 67];
  if (options.config['dhcp.mode'] === 'proxy') ports.push(options.bootServerPort ?? BOOT_SERVER_PORT);
  const sockets = await openDhcpSockets(networks.attached, ports, { log });
  const loop = new Loop(options, (network, bytes, port, address, done) => {
    sockets.own(network).send(bytes, port, address, done);
  });
  for (const { socket, network, broadcast, port } of sockets.all) {
    const door: Door = { network, broadcast, port: port === ports[0] ? 'server' : 'boot' };
    socket.on('message', (bytes, peer) => {
      loop.receive(bytes, peer, broadcast ? door : { ...door, peer: peer.address });
    });
    socket.on('error', error => log.error({ part: 'dhcp' }, `The DHCP socket failed: ${error.message}`));
  }
  return {
    context: loop.context,
    hearing: sockets.hearing,
    async close() {
      loop.close();
      await sockets.close();
    },
  };
}
