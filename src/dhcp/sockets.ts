// The DHCP server's sockets: for each network one on the head's own address there, and for each interface one for broadcasts.
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { MusterError, reasonOf, systemCode } from '../errors.ts';
import type { BootNetwork } from '../networks.ts';
import { type DeviceSockets, deviceSockets } from './device-socket.ts';
import { EVERYONE } from './reply.ts';

export interface DhcpSocket {
  socket: Socket;
  network: BootNetwork;
  /** Whether it hears what is sent to everyone. */
  broadcast: boolean;
  port: number;
}

export interface DhcpSockets {
  all: readonly DhcpSocket[];
  /** The socket that sends from an address of the head. */
  own(address: string): Socket;
  close(): Promise<void>;
}

/**
 * Linux sends to 255.255.255.255 by the interface that has the socket's own address, so that the sockets on the head's addresses
 * send everything; and they receive what is sent to the head itself. Broadcasts arrive only at a socket that is bound to the
 * broadcast address, and at one for each interface when that is bound to its device as well.
 *
 * @param networks those at the head's interfaces; `interface` is known when there are several
 * @param ports the first is the one that replies are sent from
 */
export async function openDhcpSockets(
  networks: readonly BootNetwork[],
  ports: readonly number[],
): Promise<DhcpSockets> {
  const all: DhcpSocket[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(all.map(({ socket }) => closed(socket)));
  };
  try {
    for (const port of ports) {
      for (const network of networks) {
        const socket = await listen(network.head, port);
        socket.setBroadcast(true);
        all.push({ socket, network, broadcast: false, port });
      }
    }
    // Only DISCOVER and REQUEST are broadcast, and only to the DHCP server's port
    const [port = 67] = ports;
    const devices = await devicesFor(networks);
    for (const network of oneOfEachInterface(networks)) {
      const socket = devices ? await listenOn(devices, network, port) : await listen(EVERYONE, port);
      all.push({ socket, network, broadcast: true, port });
    }
  } catch (error) {
    await close();
    throw error;
  }
  return {
    all,
    close,
    own: address => {
      const found = all.find(item => !item.broadcast && item.network.head === address) ?? all[0];
      if (!found) throw new MusterError('internal', 'There is no DHCP socket.');
      return found.socket;
    },
  };
}

function oneOfEachInterface(networks: readonly BootNetwork[]): BootNetwork[] {
  return networks.filter((item, index) => networks.findIndex(other => other.interface === item.interface) === index);
}

/** With one interface no device needs to be named: that works without the right and without the library that it needs. */
async function devicesFor(networks: readonly BootNetwork[]): Promise<DeviceSockets | undefined> {
  if (oneOfEachInterface(networks).length < 2) return undefined;
  try {
    return await deviceSockets();
  } catch (error) {
    const reason = `DHCP on several interfaces needs the package koffi, which does not load here: ${reasonOf(error)}`;
    throw new MusterError('bad-config', reason, { cause: error });
  }
}

async function listenOn(devices: DeviceSockets, network: BootNetwork, port: number): Promise<Socket> {
  const socket = newSocket();
  const listening = once(socket, 'listening');
  const answer = devices.open(network.interface, EVERYONE, port);
  if ('code' in answer) {
    socket.close();
    throw new MusterError('bad-config', cannotListen(`${EVERYONE} of ${network.interface}`, port, answer.code));
  }
  socket.bind({ fd: answer.fd });
  await listening;
  return socket;
}

async function listen(address: string, port: number): Promise<Socket> {
  const socket = newSocket();
  // Asked for before the bind, which with such a lookup is done at once
  const listening = once(socket, 'listening');
  socket.bind(port, address);
  try {
    await listening;
  } catch (error) {
    throw new MusterError('bad-config', cannotListen(address, port, systemCode(error) ?? reasonOf(error)), {
      cause: error,
    });
  }
  return socket;
}

function newSocket(): Socket {
  return createSocket({
    type: 'udp4',
    reuseAddr: true,
    // Room for the requests of a whole machine room that is switched on at once; Linux gives what net.core.rmem_max allows
    recvBufferSize: 4 * 2 ** 20,
    // Destinations are addresses, never names: without this each reply would wait for the resolver
    lookup: (host, _options, callback) => callback(null, host, 4),
  });
}

function cannotListen(address: string, port: number, code: string): string {
  const where = `The DHCP server cannot listen on ${address} port ${port}`;
  if (code === 'EADDRINUSE')
    return `${where}: another DHCP server runs on this machine; stop it, or set dhcp.mode = "off".`;
  if (code === 'EACCES') return `${where}: that needs root, or the capability CAP_NET_BIND_SERVICE.`;
  if (code === 'EPERM') return `${where}: that needs root, or the capability CAP_NET_RAW.`;
  if (code === 'EADDRNOTAVAIL') return `${where}: no interface has that address; set head.address to the head's own.`;
  if (code === 'ENODEV') return `${where}: there is no such interface.`;
  return `${where}: ${code}`;
}

function closed(socket: Socket): Promise<void> {
  return new Promise(resolve => socket.close(() => resolve()));
}
