// Whether somebody uses an address (RFC 2131 §2.2: a server SHOULD probe before it lends one), without privileges: a datagram to
// a port that nobody listens on makes the kernel ask by ARP on its own wire, and makes a remote machine answer by ICMP.
import { createSocket } from 'node:dgram';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { systemCode } from '../errors.ts';

/** `discard` (RFC 863): a machine that serves it accepts the datagram and does nothing. */
const PORT = 9;
/** When to read the neighbour table, in milliseconds after the datagram. */
const LOOKS = [20, 60, 150, 300, 500];
/** Concurrent probes; beyond them an address counts as unused, as if there were no probes. */
const MOST = 64;
const COMPLETE = 0x2;

export class AddressProbe {
  private readonly neighbours: () => Promise<string>;
  private running = 0;
  private reading: Promise<string> | undefined;

  /** @param neighbours the text of /proc/net/arp */
  constructor(neighbours: () => Promise<string> = async () => readFile('/proc/net/arp', 'latin1')) {
    this.neighbours = neighbours;
  }

  /**
   * Returns the user of an address: a hardware address, or 'somebody' further away; undefined when nobody answered within half a
   * second.
   * @param from the head's address to ask from
   */
  async user(ip: string, from: string): Promise<string | undefined> {
    if (this.running >= MOST) return undefined;
    this.running += 1;
    const answered = new AbortController();
    const socket = createSocket({ type: 'udp4', lookup: (host, _options, callback) => callback(null, host, 4) });
    let hears = false;
    // RFC 1122 §4.1.3.3: port unreachable reaches the socket as ECONNREFUSED; host unreachable means that a router found nobody
    // there
    socket.on('error', error => {
      hears ||= systemCode(error) === 'ECONNREFUSED';
      answered.abort();
    });
    socket.on('message', () => {
      hears = true;
      answered.abort();
    });
    try {
      // An entry from before the datagram may be of a machine that left long ago: the kernel keeps it, STALE, and flags it as
      // complete
      let known = neighbourOf(await this.table(), ip);
      // Node passes the callback an error when there is no route to the address: nothing can be sent then
      const send = (error?: Error) => (error ? answered.abort() : socket.send(Buffer.alloc(1)));
      socket.bind(0, from, () => socket.connect(PORT, ip, send));
      let waited = 0;
      for (const at of LOOKS) {
        await delay(at - waited, undefined, { signal: answered.signal }).catch(() => undefined);
        waited = at;
        const mac = neighbourOf(await this.table(), ip);
        if (mac !== undefined && (hears || mac !== known)) return mac;
        if (hears) return 'somebody';
        if (mac === undefined) known = undefined;
        if (answered.signal.aborted) return undefined;
      }
      return undefined;
    } finally {
      this.running -= 1;
      socket.close();
    }
  }

  /** One reading serves all concurrent probes. */
  private async table(): Promise<string> {
    this.reading ??= this.neighbours()
      .catch(() => '')
      .finally(() => {
        this.reading = undefined;
      });
    return this.reading;
  }
}

/** Returns the hardware address that the kernel has for an IP address; undefined while it has none. */
export function neighbourOf(table: string, ip: string): string | undefined {
  for (const line of table.split('\n')) {
    if (!line.startsWith(`${ip} `)) continue;
    const [, , flags = '0', mac = ''] = line.split(/\s+/);
    if ((Number(flags) & COMPLETE) !== 0 && mac !== '00:00:00:00:00:00') return mac;
  }
  return undefined;
}
