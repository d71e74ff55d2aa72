// Listens to the kernel's news about neighbours: that needs no privileges, and misses no change.
import { type Libc, loadLibc, nativeInt, SOCKET } from '../libc.ts';
import { decodeNews } from './neighbour-bytes.ts';
import type { Neighbours } from './neighbours.ts';
import { netlinkAddress } from './netlink-bytes.ts';

/** How often the socket is read, in milliseconds; the kernel buffers news in between. */
const EVERY_MS = 500;
const RECEIVE_BUFFER = 1 << 20;
/** Datagrams read at a time: others wait for the next. */
const MOST = 2000;
const GROUP_NEIGHBOURS = 4;

export interface NeighbourWatch {
  /** Reads what came since the last time. */
  read(): void;
  close(): void;
}

/** Starts to listen; returns undefined where the system does not allow it. */
export async function watchNeighbours(neighbours: Neighbours): Promise<NeighbourWatch | undefined> {
  const libc = await loadLibc();
  const fd = open(libc);
  if (fd === undefined) return undefined;
  const bytes = Buffer.alloc(1 << 16);
  const from = Buffer.alloc(12);
  const read = (): void => {
    for (let reads = 0; reads < MOST; reads += 1) {
      const length = libc.recvfrom(fd, bytes, from);
      // When the buffer overflows the kernel reports it once, and continues
      if (typeof length !== 'number' && length.code === 'ENOBUFS') continue;
      if (typeof length !== 'number') return;
      for (const { ip, mac, confirmed } of decodeNews(bytes.subarray(0, length))) neighbours.seen(ip, mac, confirmed);
    }
  };
  const timer = setInterval(read, EVERY_MS);
  return {
    read,
    close: () => {
      clearInterval(timer);
      libc.close(fd);
    },
  };
}

function open(libc: Libc): number | undefined {
  const fd = libc.socket(SOCKET.AF_NETLINK, SOCKET.SOCK_RAW_CLOEXEC_NONBLOCK, SOCKET.NETLINK_ROUTE);
  if (typeof fd !== 'number') return undefined;
  libc.setsockopt(fd, SOCKET.SOL_SOCKET, SOCKET.SO_RCVBUF, nativeInt(RECEIVE_BUFFER));
  if (typeof libc.bind(fd, netlinkAddress(GROUP_NEIGHBOURS)) === 'number') return fd;
  libc.close(fd);
  return undefined;
}
