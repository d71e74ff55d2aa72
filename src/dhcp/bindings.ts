// Which client got which address by an ACK, and until when: the source of answers to lease queries. In memory, since the start of
// the server.
import { OPTIONS } from './options.ts';
import type { Packet } from './packet.ts';

/** An address that a client has. Times are milliseconds of a clock that never goes back. */
export interface Binding {
  ip: string;
  htype: number;
  hlen: number;
  /** The whole field of 16 bytes. */
  chaddr: Buffer;
  /** Option 61 as the client sent it. */
  clientIdentifier?: Buffer | undefined;
  /** Option 82 as the relay agent sent it. */
  relayInformation?: Buffer | undefined;
  /** When it was last given, and when it ends. */
  at: number;
  until: number;
}

/** Returns the key of a client: its hardware address, or its identifier. */
export function hardwareKey({ htype, hlen, chaddr }: Pick<Packet, 'htype' | 'hlen' | 'chaddr'>): string {
  return `h${htype} ${chaddr.toString('hex', 0, hlen)}`;
}

export function identifierKey(identifier: Buffer): string {
  return `c${identifier.toString('hex')}`;
}

/** Bounded by the addresses that are given: those of nodes, of controllers and of the ranges. */
export class Bindings {
  /** Earlier bindings are unknown. */
  readonly since: number;
  private readonly now: () => number;
  /** The client silent for longest comes first. */
  private readonly byIp = new Map<string, Binding>();
  private readonly byKey = new Map<string, Set<string>>();

  constructor(now: () => number) {
    this.now = now;
    this.since = now();
  }

  /** Records that an ACK gave its address for `seconds`. */
  given({ yiaddr: ip, htype, hlen, chaddr, options }: Packet, seconds: number): void {
    this.ended(ip);
    const now = this.now();
    for (const [oldest, { until }] of this.byIp) {
      if (until > now) break;
      this.ended(oldest);
    }
    const kept = (code: number): Buffer | undefined => {
      const value = options.get(code);
      // A copy, or the whole message would be kept with it
      return value && value.length <= 255 ? Buffer.from(value) : undefined;
    };
    const binding = {
      ip,
      htype,
      hlen,
      chaddr: Buffer.from(chaddr),
      clientIdentifier: kept(OPTIONS.clientIdentifier.code),
      relayInformation: kept(OPTIONS.relayInformation.code),
      at: now,
      until: now + seconds * 1000,
    };
    this.byIp.set(ip, binding);
    for (const key of keysOf(binding)) {
      const ips = this.byKey.get(key) ?? new Set();
      this.byKey.set(key, ips.add(ip));
    }
  }

  /** Records a RELEASE: it counts only from the client that has the address. */
  released(message: Packet): void {
    const binding = this.byIp.get(message.ciaddr);
    if (binding && hardwareKey(binding) === hardwareKey(message)) this.ended(message.ciaddr);
  }

  /** Records that the address ran out, or that another machine uses it. */
  ended(ip: string): void {
    const binding = this.byIp.get(ip);
    if (!binding) return;
    this.byIp.delete(ip);
    for (const key of keysOf(binding)) {
      const ips = this.byKey.get(key);
      ips?.delete(ip);
      if (ips?.size === 0) this.byKey.delete(key);
    }
  }

  /** Returns the binding of an address that has not ended. */
  at(ip: string): Binding | undefined {
    const binding = this.byIp.get(ip);
    return binding && binding.until > this.now() ? binding : undefined;
  }

  /** Returns the bindings of a client that have not ended. @param key from `hardwareKey` or `identifierKey` */
  of(key: string): Binding[] {
    return [...(this.byKey.get(key) ?? [])].flatMap(ip => this.at(ip) ?? []);
  }
}

function keysOf(binding: Binding): string[] {
  const { clientIdentifier, hlen } = binding;
  return [...(hlen > 0 ? [hardwareKey(binding)] : []), ...(clientIdentifier ? [identifierKey(clientIdentifier)] : [])];
}
