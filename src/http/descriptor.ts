// The descriptor behind a connection of Node's.
import type { Socket } from 'node:net';

/** Returns undefined once the connection is closed: the kernel may give its number to another. */
export function descriptorOf(socket: Socket | null): number | undefined {
  const handle = socket && !socket.destroyed ? Reflect.get(socket, '_handle') : undefined;
  const fd: unknown = handle?.fd;
  return typeof fd === 'number' && fd >= 0 ? fd : undefined;
}
