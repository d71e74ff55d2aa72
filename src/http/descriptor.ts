// The descriptor of one of Node's connections.
import type { Socket } from 'node:net';

/** Returns undefined once the connection is closed: the kernel may reuse its number. */
export function descriptorOf(socket: Socket | null): number | undefined {
  const handle = socket && !socket.destroyed ? Reflect.get(socket, '_handle') : undefined;
  const fd: unknown = handle?.fd;
  return typeof fd === 'number' && fd >= 0 ? fd : undefined;
}
