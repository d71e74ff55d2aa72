// The replies of a DHCP server, field by field as in RFC 2131 table 3, and their destinations.
import type { BootNode } from '../boot/directory.ts';
import type { BootTarget } from '../boot/loader.ts';
import type { BootNetwork } from '../networks.ts';
import { encapsulate, MESSAGE, OPTIONS, type Option, setOption } from './options.ts';
import { BOOTREPLY, BROADCAST_FLAG, FILE_ROOM, NO_ADDRESS, type Packet } from './packet.ts';
import type { Request } from './request.ts';

/** Where a reply goes: an address, and which end of the exchange listens there. */
export interface Destination {
  address: string;
  to: 'client' | 'relay';
}

/** The sender's side of a reply. */
export interface Scene {
  /** The network of the node's address, with its settings. */
  network: BootNetwork;
  /** The server identifier. */
  server: string;
  /** Whether the head takes syslog messages on port 514. */
  takesLogs?: boolean | undefined;
}

export const EVERYONE = '255.255.255.255';

export function offer(request: Request, node: BootNode, target: BootTarget, scene: Scene): Packet {
  const reply = blank(request, MESSAGE.offer, scene);
  reply.yiaddr = node.ip;
  lease(reply, scene, node);
  identity(reply, request);
  boot(reply, request, target, scene);
  settings(reply, request, node, scene);
  return reply;
}

export function ack(request: Request, node: BootNode, target: BootTarget, scene: Scene): Packet {
  const reply = offer(request, node, target, scene);
  setOption(reply.options, OPTIONS.messageType, MESSAGE.ack);
  // RFC 2131 table 3: 'ciaddr' from DHCPREQUEST
  reply.ciaddr = request.packet.ciaddr;
  return reply;
}

/** RFC 2131 §4.3.5: no lease time, and 'yiaddr' is not filled in. */
export function informed(request: Request, node: BootNode, target: BootTarget, scene: Scene): Packet {
  const reply = blank(request, MESSAGE.ack, scene);
  reply.ciaddr = request.packet.ciaddr;
  identity(reply, request);
  boot(reply, request, target, scene);
  settings(reply, request, node, scene);
  return reply;
}

export function nak(request: Request, reason: string, scene: Scene): Packet {
  const reply = blank(request, MESSAGE.nak, scene);
  // RFC 2131 §4.3.2: behind a relay the server sets the broadcast bit, since the client may have no address
  if (reply.giaddr !== NO_ADDRESS) reply.flags |= BROADCAST_FLAG;
  clientIdentifier(reply, request);
  setOption(reply.options, OPTIONS.message, reason);
  relayInformation(reply, request);
  return reply;
}

/** A reply with what to boot, without an address (PXE 2.1 §2.2.2): 'yiaddr' is zero, and option 60 names the kind of answer. */
export function proxied(
  request: Request,
  target: BootTarget,
  { address, type }: { address: string; type: number },
): Packet {
  const reply = blank(request, type, { server: address });
  identity(reply, request);
  const isHttp = target.kind === 'http';
  setOption(reply.options, OPTIONS.vendorClass, isHttp ? 'HTTPClient' : 'PXEClient');
  if (target.kind !== 'none' && target.kind !== 'refused') {
    const name = target.kind === 'tftp' ? target.file : target.url;
    reply.siaddr = address;
    if (name.length <= FILE_ROOM) reply.file = name;
    if (isHttp || reply.file === '' || asked(request, OPTIONS.bootFileName))
      setOption(reply.options, OPTIONS.bootFileName, name);
    if (target.kind === 'script') setOption(reply.options, OPTIONS.ipxe, IPXE_SETTINGS);
  }
  relayInformation(reply, request);
  return reply;
}

/** RFC 2131 §4.1, for OFFER and ACK. */
export function destinationOf(request: Request): Destination {
  const { giaddr, ciaddr } = request.packet;
  if (giaddr !== NO_ADDRESS) return { address: giaddr, to: 'relay' };
  if (ciaddr !== NO_ADDRESS) return { address: ciaddr, to: 'client' };
  // RFC 2131 §4.1: with the broadcast bit clear too, since a client without address answers no ARP ("If unicasting is not
  // possible, the message MAY be sent as an IP broadcast")
  return { address: EVERYONE, to: 'client' };
}

/** RFC 2131 §4.1: "In all cases, when 'giaddr' is zero, the server broadcasts any DHCPNAK messages". */
export function nakDestination(request: Request): Destination {
  const { giaddr } = request.packet;
  return giaddr !== NO_ADDRESS ? { address: giaddr, to: 'relay' } : { address: EVERYONE, to: 'client' };
}

function blank(request: Request, type: number, scene: Pick<Scene, 'server'>): Packet {
  const { htype, hlen, xid, flags, giaddr, chaddr } = request.packet;
  const reply: Packet = {
    op: BOOTREPLY,
    htype,
    hlen,
    hops: 0,
    xid,
    secs: 0,
    flags,
    ciaddr: NO_ADDRESS,
    yiaddr: NO_ADDRESS,
    siaddr: NO_ADDRESS,
    giaddr,
    chaddr,
    sname: '',
    file: '',
    options: new Map(),
  };
  setOption(reply.options, OPTIONS.messageType, type);
  setOption(reply.options, OPTIONS.serverIdentifier, scene.server);
  return reply;
}

/** Parts of a lease after which T1 and T2 come: RFC 2131 §4.4.5. */
export const RENEWING = 0.5;
export const REBINDING = 0.875;

function lease(reply: Packet, { network }: Scene, node: BootNode): void {
  const chosen = node.options?.get(OPTIONS.leaseTime.code);
  const seconds = chosen ? chosen.readUInt32BE(0) : network.leaseSeconds;
  setOption(reply.options, OPTIONS.leaseTime, seconds);
  // RFC 2131 §4.4.5: the defaults, stated explicitly
  setOption(reply.options, OPTIONS.renewalTime, Math.floor(seconds * RENEWING));
  setOption(reply.options, OPTIONS.rebindingTime, Math.floor(seconds * REBINDING));
}

function identity(reply: Packet, request: Request): void {
  clientIdentifier(reply, request);
  // RFC 4578 §2.3: firmware drops offers that do not carry its own identifier
  echo(reply, request, OPTIONS.machineIdentifier);
}

function clientIdentifier(reply: Packet, request: Request): void {
  // RFC 6842 §3: MUST be returned unaltered, which updates RFC 2131 table 3
  echo(reply, request, OPTIONS.clientIdentifier);
}

/** RFC 3046 §2.2: MUST be returned; `encode` puts it last. */
function relayInformation(reply: Packet, request: Request): void {
  echo(reply, request, OPTIONS.relayInformation);
}

function echo(reply: Packet, request: Request, option: Option<unknown>): void {
  const value = request.packet.options.get(option.code);
  if (value) reply.options.set(option.code, value);
}

/**
 * The boot file, sent to PXE firmware like a plain DHCP server does: next server and file, without the PXE extensions (option 60
 * `PXEClient`). With them edk2 treats the offer as one of a PXE service, and asks on port 4011 before it loads.
 */
function boot(reply: Packet, request: Request, target: BootTarget, scene: Scene): void {
  if (target.kind === 'none' || target.kind === 'refused') return;
  reply.siaddr = scene.network.head;
  const name = target.kind === 'tftp' ? target.file : target.url;
  if (name.length <= FILE_ROOM) reply.file = name;
  if (target.kind === 'http') {
    // edk2 accepts an offer for HTTP boot only with this class and the URL as an option (UEFI 2.10 §24.7.3)
    setOption(reply.options, OPTIONS.vendorClass, 'HTTPClient');
    setOption(reply.options, OPTIONS.bootFileName, name);
  } else if (reply.file === '' || asked(request, OPTIONS.bootFileName)) {
    // Some PXE ROMs read past an unterminated name, and then ask TFTP for one with an end mark (0xff) appended
    setOption(reply.options, OPTIONS.bootFileName, target.kind === 'tftp' ? `${name}\0` : name);
  }
  if (target.kind === 'tftp' && asked(request, OPTIONS.tftpServerName)) {
    setOption(reply.options, OPTIONS.tftpServerName, scene.network.head);
  }
  if (target.kind === 'script') setOption(reply.options, OPTIONS.ipxe, IPXE_SETTINGS);
}

/** no-pxedhcp (176) = 1: iPXE does not wait for a ProxyDHCP server, which saves seconds on every boot. */
const IPXE_SETTINGS = encapsulate([[176, Buffer.of(1)]]);

/** The codes of all settings, for a client without a list. */
const ALL_SETTINGS: readonly number[] = [
  OPTIONS.router.code,
  OPTIONS.dns.code,
  OPTIONS.hostName.code,
  OPTIONS.domainName.code,
  OPTIONS.broadcast.code,
];

/**
 * Adds the network's settings, and last what ends a reply. RFC 2131 §4.3.1: those that the client requests, or all; RFC 2132
 * §9.8: in the requested order, the last omitted first. RFC 2132 §3.3: the subnet mask precedes the router.
 */
function settings(reply: Packet, request: Request, node: BootNode, scene: Scene): void {
  const { subnet, router, dns, domain } = scene.network;
  const { options } = reply;
  setOption(options, OPTIONS.subnetMask, subnet.netmask);
  for (const code of request.parameters ?? ALL_SETTINGS) {
    if (code === OPTIONS.router.code && router) setOption(options, OPTIONS.router, [router]);
    else if (code === OPTIONS.dns.code && dns.length > 0) setOption(options, OPTIONS.dns, [...dns]);
    // Only to clients that request it: iPXE does. A running system has its own log servers.
    else if (code === OPTIONS.logServer.code && scene.takesLogs && request.parameters)
      setOption(options, OPTIONS.logServer, [scene.network.head]);
    else if (code === OPTIONS.hostName.code && node.hostname) setOption(options, OPTIONS.hostName, node.hostname);
    else if (code === OPTIONS.domainName.code && domain) setOption(options, OPTIONS.domainName, domain);
    else if (code === OPTIONS.broadcast.code) setOption(options, OPTIONS.broadcast, subnet.broadcast);
  }
  // RFC 3011 §2: a server that goes by the option MUST return it
  if (request.subnetSelection !== undefined) echo(reply, request, OPTIONS.subnetSelection);
  // Options set by the administrator are always sent, requested or not.
  for (const [code, value] of node.options ?? []) if (code !== OPTIONS.leaseTime.code) options.set(code, value);
  relayInformation(reply, request);
}

function asked(request: Request, option: Option<unknown>): boolean {
  return request.parameters?.includes(option.code) === true;
}
