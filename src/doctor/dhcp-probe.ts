// Asks the boot network for an address and collects offers. Accepts none: they expire.
import { randomInt } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { getOption, MESSAGE, OPTIONS, type Options, setOption } from '../dhcp/options.ts';
import { BOOTREQUEST, BROADCAST_FLAG, decode, ETHERNET, encode, NO_ADDRESS } from '../dhcp/packet.ts';
import { macToBytes } from '../wire/mac.ts';

const EVERYONE = '255.255.255.255';
const PAYLOAD = 576 - 28;

export interface Offer {
  /** The server's identifier (RFC 2132 §9.7). */
  server: string;
  offered: string;
}

/**
 * Sends one DISCOVER from `address` and returns the offers of `ms` milliseconds, one per server. It comes from a port that no
 * DHCP client uses: servers still answer to port 68, and musterd ignores it, so that no node is made. Needs port 68.
 */
export async function probeDhcp(address: string, mac: string, ms: number): Promise<Offer[]> {
  const receiver = await bound(EVERYONE, 68);
  const sender = await bound(address, 0).catch(error => {
    receiver.close();
    throw error;
  });
  const offers = new Map<string, Offer>();
  const xid = randomInt(2 ** 32);
  receiver.on('message', bytes => {
    const offer = readOffer(bytes, xid);
    if (offer) offers.set(offer.server, offer);
  });
  try {
    sender.setBroadcast(true);
    const message = discover(mac, xid);
    sender.send(message, 67, EVERYONE);
    await delay(ms / 2);
    // A server may first ping the address, and a packet may be lost.
    sender.send(message, 67, EVERYONE);
    await delay(ms / 2);
  } finally {
    sender.close();
    receiver.close();
  }
  return [...offers.values()];
}

function discover(mac: string, xid: number): Buffer {
  const options: Options = new Map();
  setOption(options, OPTIONS.messageType, MESSAGE.discover);
  const chaddr = Buffer.alloc(16);
  chaddr.set(macToBytes(mac));
  const none = { ciaddr: NO_ADDRESS, yiaddr: NO_ADDRESS, siaddr: NO_ADDRESS, giaddr: NO_ADDRESS, sname: '', file: '' };
  const head = { op: BOOTREQUEST, htype: ETHERNET, hlen: 6, hops: 0, xid, secs: 0, flags: BROADCAST_FLAG };
  return encode({ ...head, ...none, chaddr, options }, PAYLOAD);
}

/** Returns the offer in a message; undefined for anything else. */
export function readOffer(bytes: Buffer, xid: number): Offer | undefined {
  try {
    const packet = decode(bytes);
    if (packet.xid !== xid || getOption(packet.options, OPTIONS.messageType) !== MESSAGE.offer) return undefined;
    const server = getOption(packet.options, OPTIONS.serverIdentifier) ?? packet.siaddr;
    return { server, offered: packet.yiaddr };
  } catch {
    // A sender of garbage to port 68 is not a DHCP server.
    return undefined;
  }
}

async function bound(address: string, port: number): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true });
  const listening = once(socket, 'listening');
  socket.bind(port, address);
  await listening;
  return socket;
}
