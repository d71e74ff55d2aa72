// UDP sockets bound to a network interface, which Node cannot make: three calls into libc (docs/decisions/0003-dhcp-sockets.md).
import { getSystemErrorName } from 'node:util';

export interface DeviceSockets {
  /** A file descriptor for `socket.bind({ fd })`, which closes it with the socket; or the code of the system's error. */
  open(device: string, address: string, port: number): { fd: number } | { code: string };
}

// Linux, the same on every architecture that koffi is built for (asm-generic/socket.h); sockets of MIPS and SPARC differ.
const AF_INET = 2;
const SOCK_DGRAM_CLOEXEC_NONBLOCK = 2 | 0o2000000 | 0o4000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_RCVBUF = 8;
const SO_BINDTODEVICE = 25;
const RECEIVE_BUFFER = 4 * 2 ** 20;

/** Loads the library; rejects where it cannot be had. */
export async function deviceSockets(): Promise<DeviceSockets> {
  const { default: koffi } = await import('koffi');
  const libc = koffi.load(null);
  const makeSocket = libc.func('int socket(int domain, int type, int protocol)');
  const setOption = libc.func('int setsockopt(int fd, int level, int name, const uint8_t *value, uint32_t length)');
  const bind = libc.func('int bind(int fd, const uint8_t *address, uint32_t length)');
  const close = libc.func('int close(int fd)');
  return {
    open(device, address, port) {
      const fd: number = makeSocket(AF_INET, SOCK_DGRAM_CLOEXEC_NONBLOCK, 0);
      if (fd < 0) return { code: getSystemErrorName(-koffi.errno()) };
      const name = Buffer.from(device);
      const failed =
        setOption(fd, SOL_SOCKET, SO_REUSEADDR, nativeInt(1), 4) < 0 ||
        setOption(fd, SOL_SOCKET, SO_RCVBUF, nativeInt(RECEIVE_BUFFER), 4) < 0 ||
        setOption(fd, SOL_SOCKET, SO_BINDTODEVICE, name, name.length) < 0 ||
        bind(fd, socketAddress(address, port), 16) < 0;
      if (!failed) return { fd };
      const code = getSystemErrorName(-koffi.errno());
      close(fd);
      return { code };
    },
  };
}

function nativeInt(value: number): Buffer {
  return Buffer.from(Int32Array.of(value).buffer);
}

/** struct sockaddr_in: family in the machine's order, port and address in the network's. */
function socketAddress(address: string, port: number): Buffer {
  const bytes = Buffer.alloc(16);
  Buffer.from(Uint16Array.of(AF_INET).buffer).copy(bytes, 0);
  bytes.writeUInt16BE(port, 2);
  Buffer.from(address.split('.').map(Number)).copy(bytes, 4);
  return bytes;
}
