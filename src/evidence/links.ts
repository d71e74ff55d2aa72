// What the kernel says of a network interface of this process's own namespace (rtnetlink(7), RTM_GETLINK). A sysfs mounted elsewhere,
// as in some containers, shows the interfaces of another namespace.
import type { Libc } from '../libc.ts';
import { loadLibc, SOCKET } from '../libc.ts';
import { macFromBytes } from '../wire/mac.ts';
import {
  decodeAttributes,
  decodeMessages,
  encodeAttribute,
  encodeRequest,
  netlinkAddress,
  u32,
} from './netlink-bytes.ts';

const NEW_LINK = 16;
const GET_LINK = 18;
/** struct ifinfomsg: family, padding, kind of hardware, index, flags, mask. */
const LINK_HEADER = 16;
const AT = { index: 4, flags: 8 } as const;
const ADDRESS = 1;
const NAME = 3;
const MTU = 4;
const LINK_INFO = 18;
const INFO_KIND = 1;
const IFF_UP = 1;
const IFF_LOWER_UP = 0x1_0000;
/** A name of the kernel has no more bytes (IFNAMSIZ, without the zero at the end). */
const MOST_NAME = 15;

export interface Link {
  index: number;
  /** Absent when it has no Ethernet address. */
  mac?: string;
  /** Bytes of the largest IP packet that it sends. */
  mtu: number;
  isUp: boolean;
  hasCarrier: boolean;
  /** Of a virtual one: `bridge`, `veth`. Empty for a card. */
  kind: string;
}

/** Returns the interface of this name; undefined when there is none. */
export type LinkReader = (name: string) => Link | undefined;

/** Returns a function that reads the interfaces of this network namespace. */
export async function linkReader(): Promise<LinkReader> {
  const libc = await loadLibc();
  return name => (name === '' || Buffer.byteLength(name) > MOST_NAME ? undefined : ask(libc, name));
}

/** The kernel answers before the request returns: nothing blocks. */
function ask(libc: Libc, name: string): Link | undefined {
  const fd = libc.socket(SOCKET.AF_NETLINK, SOCKET.SOCK_RAW_CLOEXEC_NONBLOCK, SOCKET.NETLINK_ROUTE);
  if (typeof fd !== 'number') return undefined;
  try {
    const wanted = encodeAttribute(NAME, Buffer.from(`${name}\0`));
    const request = encodeRequest(GET_LINK, Buffer.concat([Buffer.alloc(LINK_HEADER), wanted]));
    libc.sendto(fd, request, request.length, netlinkAddress());
    const bytes = Buffer.alloc(1 << 15);
    const length = libc.recvfrom(fd, bytes, Buffer.alloc(12));
    return typeof length === 'number' ? decodeLink(bytes.subarray(0, length)) : undefined;
  } finally {
    libc.close(fd);
  }
}

/** Returns the interface in an answer of the kernel; undefined when it has none. */
export function decodeLink(bytes: Buffer): Link | undefined {
  const body = decodeMessages(bytes).find(({ type }) => type === NEW_LINK)?.body;
  if (!body || body.length < LINK_HEADER) return undefined;
  const attributes = decodeAttributes(body.subarray(LINK_HEADER));
  const [address, mtu, info] = [ADDRESS, MTU, LINK_INFO].map(type => attributes.get(type));
  const kind = info && decodeAttributes(info).get(INFO_KIND);
  const flags = u32(body, AT.flags);
  return {
    index: u32(body, AT.index),
    ...(address?.length === 6 && address.some(byte => byte !== 0) && { mac: macFromBytes(address) }),
    mtu: mtu?.length === 4 ? u32(mtu, 0) : 0,
    isUp: (flags & IFF_UP) !== 0,
    hasCarrier: (flags & IFF_LOWER_UP) !== 0,
    kind: kind?.toString('latin1').replace(/\0.*$/s, '') ?? '',
  };
}
