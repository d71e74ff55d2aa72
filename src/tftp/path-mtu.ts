// The longest IP packet on the path to a client, as far as the kernel knows: from the interface, from a route, or from a router
// that could not forward a longer one (path MTU discovery, RFC 1191).
import { type Libc, nativeInt, SOCKET, socketAddress } from '../libc.ts';

/** The headers of IP without options (RFC 791), of UDP (RFC 768), and of a DATA packet (RFC 1350). */
const HEADERS = 20 + 8 + 4;
/** Any port: nothing is sent. */
const PORT = 9;

export class PathMtu {
  private readonly libc: Libc;
  private readonly address: string;
  private fd = -1;

  /** @param address the head's sending address */
  constructor(libc: Libc, address: string) {
    this.libc = libc;
    this.address = address;
  }

  /** Returns the largest block that reaches a client unfragmented; undefined when the kernel does not know. */
  block(ip: string): number | undefined {
    if (this.fd < 0) this.open();
    if (this.fd < 0 || typeof this.libc.connect(this.fd, socketAddress(ip, PORT)) !== 'number') return undefined;
    const mtu = nativeInt(0);
    if (typeof this.libc.getsockopt(this.fd, SOCKET.SOL_IP, SOCKET.IP_MTU, mtu) !== 'number') return undefined;
    const [value = 0] = new Int32Array(mtu.buffer, mtu.byteOffset, 1);
    return value > HEADERS ? value - HEADERS : undefined;
  }

  close(): void {
    if (this.fd >= 0) this.libc.close(this.fd);
    this.fd = -1;
  }

  private open(): void {
    const fd = this.libc.socket(SOCKET.AF_INET, SOCKET.SOCK_DGRAM_CLOEXEC_NONBLOCK, 0);
    if (typeof fd !== 'number') return;
    this.fd = fd;
    // A route may depend on the sending address
    if (typeof this.libc.bind(fd, socketAddress(this.address, 0)) !== 'number') this.close();
  }
}
