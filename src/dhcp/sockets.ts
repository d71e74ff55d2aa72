// The DHCP server's sockets: for each network one on the head's own address there, and for each interface one for broadcasts.
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import { MusterError, reasonOf, systemCode } from '../errors.ts';
import { type Log, silentLog } from '../log.ts';
import type { BootNetwork } from '../networks.ts';
import { type DeviceSockets, deviceSockets } from './device-socket.ts';
import { type DhcpSocket, Ear, type Hearing } from './ear.ts';
import { EVERYONE } from './reply.ts';

/** What the sockets need besides networks and ports; the system's own when absent. */
export interface Surroundings {
  log?: Log;
  devices?: () => Promise<DeviceSockets>;
  /** The machine's interfaces other than these. */
  others?: (names: readonly string[]) => string[];
}

export interface DhcpSockets {
  /** How the broadcasts of each interface are received now. */
  hearing(): Hearing[];
  all: readonly DhcpSocket[];
  /** The socket that sends from an address of the head. */
  own(address: string): Socket;
  close(): Promise<void>;
}

/** How often the interfaces are checked, in milliseconds. */
const LOOK_MS = 2000;

/**
 * Linux sends to 255.255.255.255 by the interface with the socket's own address, so the sockets on the head's addresses send
 * everything, and receive what is sent to the head itself. Broadcasts arrive only at a socket bound to the broadcast address:
 * those of every interface of the machine, or of one interface when the socket is also bound to that device.
 *
 * @param networks those at the head's interfaces; `interface` is known when there are several
 * @param ports the first is the one that replies are sent from
 * @throws MusterError `bad-config` when a socket cannot be had
 */
export async function openDhcpSockets(
  networks: readonly BootNetwork[],
  ports: readonly number[],
  { log = silentLog(), devices = deviceSockets, others = otherInterfaces }: Surroundings = {},
): Promise<DhcpSockets> {
  const all: DhcpSocket[] = [];
  const ears: Ear[] = [];
  let bare: Hearing | undefined;
  const watch = setInterval(() => void Promise.all(ears.map(async ear => ear.look())), LOOK_MS).unref();
  const close = async (): Promise<void> => {
    clearInterval(watch);
    for (const ear of ears) ear.close();
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
    // Clients broadcast to the DHCP server's port alone (RFC 2131 §4.1)
    const [port = 67] = ports;
    const interfaces = oneOfEachInterface(networks);
    const opened = await openEars(interfaces, port, { log, devices });
    if ('ears' in opened) {
      ears.push(...opened.ears);
      all.push(...ears);
    } else {
      const [network] = interfaces;
      if (!network || interfaces.length > 1) throw new MusterError('bad-config', opened.reason);
      all.push({ socket: await listen(EVERYONE, port), network, broadcast: true, port });
      bare = { interface: network.interface, hears: 'all', reason: opened.reason };
      const strange = others([network.interface]);
      if (strange.length > 0) log.warn({ part: 'dhcp', interfaces: strange }, `${hearsAll(strange)}: ${opened.reason}`);
    }
  } catch (error) {
    await close();
    throw error;
  }
  return {
    all,
    close,
    hearing: () => (bare ? [bare] : ears.map(ear => ear.hearing)),
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

/** Opens a socket for the broadcasts of each interface, or says why sockets cannot be bound to devices here. */
async function openEars(
  networks: readonly BootNetwork[],
  port: number,
  { log, devices }: Required<Omit<Surroundings, 'others'>>,
): Promise<{ ears: Ear[] } | { reason: string }> {
  // An interface without a name cannot be bound to: only tests have such interfaces
  if (networks.some(network => network.interface === '')) return { reason: 'the interface has no name' };
  let library: DeviceSockets;
  try {
    library = await devices();
  } catch (error) {
    return { reason: `binding DHCP to an interface needs the package koffi, which does not load: ${reasonOf(error)}` };
  }
  const ears: Ear[] = [];
  const { index } = library;
  try {
    for (const network of networks) {
      const open = async (): Promise<Socket> => listenOn(library, network, port);
      ears.push(new Ear(network, port, await open(), { open, index, log }));
    }
  } catch (error) {
    await Promise.all(ears.map(({ socket }) => closed(socket)));
    const isForbidden = error instanceof MusterError && systemCode(error.cause) === 'EPERM';
    if (!isForbidden) throw error;
    return { reason: error.message };
  }
  return { ears };
}

/** Returns the machine's interfaces that have an address, other than these and the loopback. */
export function otherInterfaces(names: readonly string[]): string[] {
  return Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
    names.includes(name) || addresses.some(({ internal }) => internal) ? [] : [name],
  );
}

/** @param strange the machine's interfaces that muster does not serve */
function hearsAll(strange: readonly string[]): string {
  return `DHCP also receives and answers machines on ${strange.join(', ')}, which are not its own`;
}

async function listenOn(devices: DeviceSockets, network: BootNetwork, port: number): Promise<Socket> {
  const socket = newSocket();
  const listening = once(socket, 'listening');
  const answer = devices.open(network.interface, EVERYONE, port);
  if ('code' in answer) {
    socket.close();
    const text = cannotListen(`${EVERYONE} of ${network.interface}`, port, answer.code);
    throw new MusterError('bad-config', text, { cause: Object.assign(new Error(answer.code), answer) });
  }
  socket.bind({ fd: answer.fd });
  await listening;
  return socket;
}

async function listen(address: string, port: number): Promise<Socket> {
  const socket = newSocket();
  // Listened for before the bind, which with such a lookup finishes at once
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
    // Room for the requests of a whole machine room that boots at once; Linux grants what net.core.rmem_max allows
    recvBufferSize: 4 * 2 ** 20,
    // Destinations are addresses, never names: otherwise each reply would wait for the resolver
    lookup: (host, _options, callback) => callback(null, host, 4),
  });
}

function cannotListen(address: string, port: number, code: string): string {
  const where = `The DHCP server cannot listen on ${address} port ${port}`;
  if (code === 'EADDRINUSE')
    return `${where}: another DHCP server runs on this machine; stop it, or set dhcp.mode = "off".`;
  if (code === 'EACCES') return `${where}: that needs root, or the capability CAP_NET_BIND_SERVICE.`;
  if (code === 'EPERM') return `${where}: that needs Linux 5.7, root, or the capability CAP_NET_RAW.`;
  if (code === 'EADDRNOTAVAIL') return `${where}: no interface has that address; set head.address to the head's own.`;
  if (code === 'ENODEV') return `${where}: there is no such interface.`;
  return `${where}: ${code}`;
}

function closed(socket: Socket): Promise<void> {
  return new Promise(resolve => socket.close(() => resolve()));
}
