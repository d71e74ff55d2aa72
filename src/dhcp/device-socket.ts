// UDP sockets bound to a network interface, which Node cannot make: three calls into libc (docs/decisions/0003-dhcp-sockets.md).
import { type Called, type Libc, loadLibc, nativeInt, SOCKET, socketAddress } from '../libc.ts';

export interface DeviceSockets {
  /** A file descriptor for `socket.bind({ fd })`, which closes it with the socket; or the code of the system's error. */
  open(device: string, address: string, port: number): { fd: number } | { code: string };
  /** Returns the index of an interface; undefined when there is no such interface. */
  index(device: string): number | undefined;
}

const RECEIVE_BUFFER = 4 * 2 ** 20;

/** Loads the library; rejects where it is missing. */
export async function deviceSockets(): Promise<DeviceSockets> {
  const libc = await loadLibc();
  return {
    open: (device, address, port) => open(libc, device, socketAddress(address, port)),
    index: device => libc.interfaceIndex(device),
  };
}

function open(libc: Libc, device: string, address: Uint8Array): { fd: number } | { code: string } {
  const fd = libc.socket(SOCKET.AF_INET, SOCKET.SOCK_DGRAM_CLOEXEC_NONBLOCK, 0);
  if (typeof fd !== 'number') return fd;
  const set = (name: number, value: Uint8Array) => libc.setsockopt(fd, SOCKET.SOL_SOCKET, name, value);
  const steps: readonly (() => Called)[] = [
    () => set(SOCKET.SO_REUSEADDR, nativeInt(1)),
    () => set(SOCKET.SO_RCVBUF, nativeInt(RECEIVE_BUFFER)),
    () => set(SOCKET.SO_BINDTODEVICE, Buffer.from(device)),
    () => libc.bind(fd, address),
  ];
  for (const step of steps) {
    const result = step();
    if (typeof result === 'number') continue;
    libc.close(fd);
    return result;
  }
  return { fd };
}
