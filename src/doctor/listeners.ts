// Which process listens on which port of this machine: /proc/net/{tcp,udp} (proc(5)) and the sockets that processes hold.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { ipAt } from '../wire/ip.ts';

export interface Listener {
  protocol: 'tcp' | 'udp';
  /** IPv4; `0.0.0.0` for all, including an IPv6 socket on all addresses. */
  address: string;
  port: number;
  inode: string;
  /** Known to root, or for the user's own processes. */
  process?: { pid: number; name: string };
}

const TCP_LISTEN = '0A';
const ALL_OF_IPV6 = '0'.repeat(32);

/** Parses lines of /proc/net/tcp or udp: listening sockets. Those of IPv6 count if they accept IPv4 too. */
export function readListeners(protocol: Listener['protocol'], text: string): Listener[] {
  return text.split('\n').flatMap(line => {
    const [, local = '', remote = '', state, , , , , , inode = ''] = line.trim().split(/\s+/);
    const [address = '', port = ''] = local.split(':');
    if (!/^[0-9A-F]{8,32}$/.test(address) || (address.length === 32 && address !== ALL_OF_IPV6)) return [];
    // A UDP socket with a peer is a client's.
    if (protocol === 'tcp' ? state !== TCP_LISTEN : !/^0+:0000$/.test(remote)) return [];
    const ip = address.length === 8 ? ipAt(Buffer.from(address, 'hex').reverse()) : '0.0.0.0';
    return [{ protocol, address: ip, port: Number.parseInt(port, 16), inode }];
  });
}

/** Returns all of this machine's (this network namespace's), each with its process if visible. */
export function listeners(): Listener[] {
  const found = (['tcp', 'udp'] as const).flatMap(protocol =>
    [protocol, `${protocol}6`].flatMap(name => readListeners(protocol, contentOf(`/proc/net/${name}`))),
  );
  const wanted = new Map(found.map(listener => [`socket:[${listener.inode}]`, listener]));
  for (const pid of entries('/proc').filter(name => /^\d+$/.test(name))) {
    for (const fd of entries(`/proc/${pid}/fd`)) {
      const listener = wanted.get(linkOf(`/proc/${pid}/fd/${fd}`));
      if (listener) listener.process ??= { pid: Number(pid), name: contentOf(`/proc/${pid}/comm`).trim() };
    }
  }
  return found;
}

// Processes end, and those of others are closed to us: unreadable ones are left out.
function entries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
