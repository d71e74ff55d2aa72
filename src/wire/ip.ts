// IPv4 addresses as dotted text, and the arithmetic of a subnet.
import ipaddr from 'ipaddr.js';

/** Returns a canonical dotted quad, or undefined. Rejects octal, hex and short forms: they mean different things to different programs. */
export function parseIpv4(text: string): string | undefined {
  const trimmed = text.trim();
  return ipaddr.IPv4.isValidFourPartDecimal(trimmed) && !/(^|\.)0[0-9]/.test(trimmed) ? trimmed : undefined;
}

/** Returns the address as an unsigned number. The text must be canonical, as from `parseIpv4`. */
export function ipToNumber(ip: string): number {
  // Called about ten times for each DHCP message: no intermediate arrays
  let number = 0;
  let byte = 0;
  for (let index = 0; index < ip.length; index++) {
    const code = ip.charCodeAt(index);
    if (code === DOT) {
      number = number * 256 + byte;
      byte = 0;
    } else byte = byte * 10 + (code - ZERO);
  }
  return number * 256 + byte;
}

const DOT = '.'.charCodeAt(0);
const ZERO = '0'.charCodeAt(0);

export function ipFromNumber(value: number): string {
  return [24, 16, 8, 0].map(shift => (value >>> shift) & 0xff).join('.');
}

/** Returns the address of four bytes at an offset. */
export function ipAt(bytes: Uint8Array, offset = 0): string {
  return `${bytes[offset]}.${bytes[offset + 1]}.${bytes[offset + 2]}.${bytes[offset + 3]}`;
}

/** Writes a canonical dotted address; without intermediate arrays, since every DHCP reply has five. Throws RangeError for other text. */
export function writeIp(target: Uint8Array, offset: number, address: string): void {
  let byte = 0;
  let at = offset;
  for (let index = 0; index < address.length; index++) {
    const code = address.charCodeAt(index);
    if (code === DOT) {
      target[at++] = byte;
      byte = 0;
    } else byte = byte * 10 + (code - ZERO);
  }
  target[at] = byte;
  if (at !== offset + 3 || byte > 255) throw new RangeError(`'${address}' is no dotted IPv4 address`);
}

/** Returns the four bytes of a canonical dotted address. */
export function ipToBytes(address: string): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  writeIp(bytes, 0, address);
  return bytes;
}

/** An address with its subnet: `10.54.0.1/24`. */
export interface Subnet {
  /** The host address that was given. */
  address: string;
  /** Prefix length, 0 to 32. */
  prefix: number;
  network: string;
  netmask: string;
  broadcast: string;
}

/** Reads `ADDRESS/PREFIX` or `ADDRESS/NETMASK`; undefined when it is neither. */
export function parseSubnet(text: string): Subnet | undefined {
  const [left, right, ...more] = text.trim().split('/');
  const address = parseIpv4(left ?? '');
  if (!address || right === undefined || more.length > 0) return undefined;
  const prefix = parsePrefix(right);
  if (prefix === undefined) return undefined;
  const mask = prefix === 0 ? 0 : (0xffffffff << (32 - prefix)) >>> 0;
  const network = (ipToNumber(address) & mask) >>> 0;
  return {
    address,
    prefix,
    network: ipFromNumber(network),
    netmask: ipFromNumber(mask),
    broadcast: ipFromNumber((network | (~mask >>> 0)) >>> 0),
  };
}

function parsePrefix(text: string): number | undefined {
  if (/^\d{1,2}$/.test(text)) return Number(text) <= 32 ? Number(text) : undefined;
  const mask = parseIpv4(text);
  if (!mask) return undefined;
  return ipaddr.IPv4.parse(mask).prefixLengthFromSubnetMask() ?? undefined;
}

/** Returns whether an address is in the subnet, its network and broadcast addresses included. */
export function subnetContains(subnet: Subnet, ip: string): boolean {
  const mask = ipToNumber(subnet.netmask);
  return (ipToNumber(ip) & mask) >>> 0 === ipToNumber(subnet.network);
}

/** Returns whether a host may have this address there: inside, and neither the network nor the broadcast address. */
export function subnetHost(subnet: Subnet, ip: string): boolean {
  if (!subnetContains(subnet, ip)) return false;
  return subnet.prefix >= 31 || (ip !== subnet.network && ip !== subnet.broadcast);
}
