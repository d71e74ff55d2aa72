// A socket for ICMP echo: without privileges where net.ipv4.ping_group_range allows it (icmp(7)), else raw, which needs
// CAP_NET_RAW.
import { randomInt } from 'node:crypto';
import { type Libc, nativeInt, readSocketAddress, SOCKET, socketAddress } from '../libc.ts';
import { decodeEcho, encodeEcho } from './icmp.ts';

/** The largest IP packet. */
const PACKET = 65_535;

export class EchoSocket {
  private readonly libc: Libc;
  private readonly fd: number;
  private readonly isRaw: boolean;
  /** The kernel replaces it on a socket that is not raw. */
  private readonly id = randomInt(1, 0xffff);
  private readonly bytes = Buffer.alloc(PACKET);
  private readonly from = socketAddress('0.0.0.0', 0);

  private constructor(libc: Libc, fd: number, isRaw: boolean) {
    this.libc = libc;
    this.fd = fd;
    this.isRaw = isRaw;
  }

  /** Returns undefined when the system gives none. Packets are never cut into fragments. @param address the head's, to ask from */
  static open(libc: Libc, address: string): EchoSocket | undefined {
    for (const type of [SOCKET.SOCK_DGRAM_CLOEXEC_NONBLOCK, SOCKET.SOCK_RAW_CLOEXEC_NONBLOCK]) {
      const fd = libc.socket(SOCKET.AF_INET, type, SOCKET.IPPROTO_ICMP);
      if (typeof fd !== 'number') continue;
      const probe = nativeInt(SOCKET.IP_PMTUDISC_PROBE);
      const steps = [
        libc.setsockopt(fd, SOCKET.SOL_IP, SOCKET.IP_MTU_DISCOVER, probe),
        libc.bind(fd, socketAddress(address, 0)),
      ];
      if (steps.every(step => typeof step === 'number'))
        return new EchoSocket(libc, fd, type === SOCKET.SOCK_RAW_CLOEXEC_NONBLOCK);
      libc.close(fd);
    }
    return undefined;
  }

  /** Sends an IP packet of this many bytes; whether the system took it. @param sequence 0 to 65535, to know the answer by */
  send(ip: string, packet: number, sequence: number): boolean {
    const bytes = encodeEcho({ id: this.id, sequence }, packet);
    return typeof this.libc.sendto(this.fd, bytes, bytes.length, socketAddress(ip, 0)) === 'number';
  }

  /** Returns the sequence numbers that were answered from this address since the last call. */
  answers(ip: string): number[] {
    const sequences: number[] = [];
    // Bounded: others may send without end
    for (let reads = 0; reads < 1000; reads += 1) {
      const length = this.libc.recvfrom(this.fd, this.bytes, this.from);
      if (typeof length !== 'number') break;
      const echo = decodeEcho(this.bytes.subarray(0, length), this.isRaw);
      const isOurs = echo !== undefined && (!this.isRaw || echo.id === this.id);
      if (isOurs && readSocketAddress(this.from).address === ip) sequences.push(echo.sequence);
    }
    return sequences;
  }

  close(): void {
    this.libc.close(this.fd);
  }
}
