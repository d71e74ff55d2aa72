// Checks of the machine before the first socket of musterd: an error names the remedy.
import { accessSync, constants, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import type { Config } from '../config.ts';
import { MusterError, reasonOf, systemCode } from '../errors.ts';
import type { Networks } from '../networks.ts';
import type { Subnet } from '../wire/ip.ts';
import { directRoutes } from '../wire/kernel-addresses.ts';

/** Returns the interface with the head's address; throws `bad-config` when none has it, or another than `head.interface`. */
export function findInterface(
  config: Config,
  network: Subnet,
  interfaces = networkInterfaces(),
  routes = kernelRoutes(),
): string {
  const addresses = Object.entries(interfaces).flatMap(([name, list]) =>
    (list ?? []).filter(item => item.family === 'IPv4').map(item => ({ name, address: item.address })),
  );
  // All of 127.0.0.0/8 belongs to the loopback, though only one address of it is listed.
  const isLoopback = network.address.startsWith('127.');
  const found = isLoopback
    ? addresses.find(item => item.name === 'lo')
    : (addresses.find(item => item.address === network.address) ?? linkless(network, routes));
  const wanted = config['head.interface'];
  if (!found) {
    const list = addresses.map(item => `${item.name} ${item.address}`).join(', ') || 'none';
    throw new MusterError(
      'bad-config',
      `No interface has head.address ${network.address}; there are: ${list}. Set the address, or correct head.address.`,
    );
  }
  if (wanted !== '' && found.name !== wanted) {
    throw new MusterError(
      'bad-config',
      `head.address ${network.address} is on ${found.name}, not on head.interface ${wanted}; correct one of the two.`,
    );
  }
  return found.name;
}

/** Like `findInterface` for each network in which the head has an address; sets the interface of each. Returns the names. */
export function findInterfaces(config: Config, networks: Networks, find = findInterface): string {
  for (const network of networks.attached) {
    network.interface = find(
      { ...config, 'head.address': network.subnet.address, 'head.interface': network.interface },
      network.subnet,
    );
  }
  return [...new Set(networks.attached.map(network => network.interface))].join(' ');
}

/** Node lists no interface without a link; it still has the route of its network. */
function linkless(network: Subnet, routes: string): { name: string } | undefined {
  return directRoutes(routes).find(route => route.network === network.network && route.netmask === network.netmask);
}

function kernelRoutes(): string {
  try {
    return readFileSync('/proc/net/route', 'utf8');
  } catch {
    return '';
  }
}

/** Creates the folder of a configured path if it is missing; one that cannot be written is an error that names the key. */
export function makeFolder(folder: string, key: string, mode: number): void {
  try {
    if (!existsSync(folder)) mkdirSync(folder, { recursive: true, mode });
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    const code = systemCode(error);
    const denied = code === 'EACCES' || code === 'EPERM';
    const remedy = denied ? 'start musterd as root, give the folder to its user, or' : 'correct that, or';
    throw new MusterError(
      denied ? 'not-allowed' : 'bad-config',
      `The folder ${folder} cannot be used: ${reasonOf(error)}; ${remedy} change ${key}.`,
      { cause: error as Error },
    );
  }
}

/** Starts a server; an address in use or a missing right becomes an error that names the server and the remedy. */
export async function starting<T>(what: string, key: string, start: () => Promise<T>): Promise<T> {
  try {
    return await start();
  } catch (error) {
    const code = systemCode(error);
    if (error instanceof MusterError) throw error;
    if (code === 'EADDRINUSE') {
      throw new MusterError(
        'bad-config',
        `${what} cannot start: its port${portOf(error)} is in use by another program ('ss -lnp' names it). Stop that, or change ${key}.`,
        {
          cause: error as Error,
        },
      );
    }
    if (code === 'EACCES' || code === 'EPERM') {
      throw new MusterError(
        'not-allowed',
        `${what} cannot start: ports below 1024 need root or CAP_NET_BIND_SERVICE.`,
        { cause: error as Error },
      );
    }
    throw new MusterError('bad-config', `${what} cannot start: ${reasonOf(error)}.`, { cause: error as Error });
  }
}

/** Returns the port in Node's error of a `listen`. */
function portOf(error: unknown): string {
  const { port } = error as { port?: unknown };
  return typeof port === 'number' ? ` ${port}` : '';
}
