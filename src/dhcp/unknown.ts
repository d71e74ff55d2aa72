// What a machine that is not a node gets: an address from its network's range for a while, the network's settings, and nothing to
// boot. `answer` calls this where a range is configured; a loan says what must be done before the reply goes out.
import type { BootNode } from '../boot/directory.ts';
import type { BootNetwork } from '../networks.ts';
import { printable } from '../printable.ts';
import { subnetContains } from '../wire/ip.ts';
import type { Answer, Arrival, Context } from './answer.ts';
import type { Lease, Leases } from './leases.ts';
import { getOption, MESSAGE, OPTIONS } from './options.ts';
import { NO_ADDRESS } from './packet.ts';
import { ack, destinationOf, informed, nak, nakDestination, offer } from './reply.ts';
import type { Request } from './request.ts';
import { addressOf, isOurs, linkOf } from './where.ts';

/** Characters kept of a machine's own texts. */
const MOST_WORDS = 64;

/** Where the machine asks, and which address answers it. */
interface Scenery {
  context: Context;
  leases: Leases;
  /** The networks on the machine's wire, its own first. */
  networks: readonly BootNetwork[];
  arrival: Arrival;
}

/** Undefined if no network on the machine's wire has a range: then it is refused as without any. */
export function answerUnknown(
  request: Request,
  context: Context,
  leases: Leases,
  arrival: Arrival,
): Answer | undefined {
  const link = linkOf(request, context, arrival);
  if (typeof link === 'string') return { refused: link, level: 'info', unknown: true };
  const others = context.networks.all.filter(item => item !== link && context.networks.isOneWire(item, link));
  const networks = [link, ...others];
  if (!networks.some(item => item.range)) return undefined;
  const answered = HANDLERS[request.type ?? 0]?.(request, { context, leases, networks, arrival });
  return answered && { ...answered, unknown: true };
}

type Handler = (request: Request, scenery: Scenery) => Answer;

const HANDLERS: Readonly<Record<number, Handler>> = {
  [MESSAGE.discover]: onDiscover,
  [MESSAGE.request]: onRequest,
  [MESSAGE.decline]: onDecline,
  [MESSAGE.release]: onRelease,
  [MESSAGE.inform]: onInform,
};

/** RFC 2131 §4.3.1. */
function onDiscover(request: Request, scenery: Scenery): Answer {
  const { leases, networks } = scenery;
  const { mac } = request;
  const ip = leases.choose(mac, networks, request.requestedAddress);
  if (ip === 'wait') return refuse('too many unknown machines ask at once', 'info');
  if (ip === undefined) return refuse(`no address of ${rangesOf(networks)} is free for ${mac}`, 'warn');
  const scene = sceneOf(ip, request, scenery);
  const own = leases.of(mac);
  const probe = !(own?.ip === ip && leases.isLiving(own));
  return {
    reply: offer(request, guest(request, ip), { kind: 'none' }, scene),
    destination: destinationOf(request),
    from: scene.from,
    text: `offer ${ip} to the unknown machine ${mac}`,
    level: 'debug',
    loan: { do: 'offer', mac, ip, network: scene.network, probe },
  };
}

/** RFC 2131 §4.3.2: which of four states the client is in (table 4). */
function onRequest(request: Request, scenery: Scenery): Answer {
  const { leases, networks } = scenery;
  const { mac, serverIdentifier, requestedAddress } = request;
  const { ciaddr } = request.packet;
  const lease = leases.of(mac);
  if (serverIdentifier !== undefined) {
    const ip = requestedAddress ?? '';
    const scene = sceneOf(ip, request, scenery);
    if (!isOurs(serverIdentifier, scene.server, scenery.context.networks)) {
      // RFC 2131 §3.1 step 4
      const accepted = `the unknown machine ${mac} took the offer of ${serverIdentifier}`;
      return { accepted, level: 'info', loan: { do: 'forget', mac } };
    }
    if (ciaddr !== NO_ADDRESS) return refuse("a server identifier and 'ciaddr', which RFC 2131 table 4 does not have");
    const isMeant = (ip === leases.offeredTo(mac) || ip === lease?.ip) && leases.isFreeFor(mac, ip);
    return isMeant ? lend(request, ip, scenery) : deny(request, ip, scenery);
  }
  // INIT-REBOOT has a requested address, RENEWING and REBINDING have 'ciaddr'
  const ip = ciaddr !== NO_ADDRESS ? ciaddr : requestedAddress;
  if (ip === undefined) return refuse('a REQUEST without any address');
  if (lease?.ip === ip && leases.isFreeFor(mac, ip) && isOn(networks, ip)) return lend(request, ip, scenery);
  // RFC 2131 §4.3.2: on the wrong network the server sends DHCPNAK; without record of the client it MUST remain silent
  if (lease || !isOn(networks, ip)) return deny(request, ip, scenery);
  return refuse(`nothing is known of ${ip} with the unknown machine ${mac}`, 'debug');
}

function lend(request: Request, ip: string, scenery: Scenery): Answer {
  const { leases, context } = scenery;
  const scene = sceneOf(ip, request, scenery);
  const now = context.now?.() ?? 0;
  const before = leases.of(request.mac);
  const lease: Lease = {
    ip,
    mac: request.mac,
    network: scene.network.name,
    hostname: printable(getOption(request.packet.options, OPTIONS.hostName) ?? '', MOST_WORDS),
    vendor: printable(request.vendorClass ?? '', MOST_WORDS),
    since: before?.ip === ip && leases.isLiving(before) ? before.since : now,
    renewed: now,
    until: now + scene.network.leaseSeconds * 1000,
  };
  return {
    reply: ack(request, guest(request, ip), { kind: 'none' }, scene),
    destination: destinationOf(request),
    from: scene.from,
    text: `${ip} lent to the unknown machine ${request.mac}`,
    level: 'info',
    loan: { do: 'lend', lease },
  };
}

function deny(request: Request, ip: string, scenery: Scenery): Answer {
  const scene = sceneOf(ip, request, scenery);
  const reason = isOn(scenery.networks, ip)
    ? `${ip} is not the address of ${request.mac}`
    : `${ip || 'no address'} is no address of this network`;
  return {
    reply: nak(request, reason, scene),
    destination: nakDestination(request),
    from: scene.from,
    text: reason,
    level: 'info',
  };
}

/** RFC 2131 §4.3.3. */
function onDecline(request: Request, scenery: Scenery): Answer {
  const { mac, requestedAddress: ip = '' } = request;
  const scene = sceneOf(ip, request, scenery);
  if (!isOurs(request.serverIdentifier, scene.server, scenery.context.networks))
    return refuse('another server is meant');
  const lease = scenery.leases.of(mac);
  if (lease?.ip !== ip && scenery.leases.offeredTo(mac) !== ip) return refuse(`${ip} is not the address of ${mac}`);
  const accepted = `the unknown machine ${mac} declined ${ip}: another machine uses that address`;
  const ended = lease && { ...lease, until: scenery.context.now?.() ?? 0 };
  return { accepted, level: 'warn', inUse: ip, loan: ended ? { do: 'return', lease: ended } : { do: 'forget', mac } };
}

/** RFC 2131 §4.3.4: the address is free, and stays the machine's own until another needs it. */
function onRelease(request: Request, scenery: Scenery): Answer {
  const { mac } = request;
  const { ciaddr } = request.packet;
  const scene = sceneOf(ciaddr, request, scenery);
  const lease = scenery.leases.of(mac);
  const { serverIdentifier } = request;
  // systemd-networkd sends no identifier, and means the server that it sends to
  const isMeant = serverIdentifier === undefined || isOurs(serverIdentifier, scene.server, scenery.context.networks);
  if (lease?.ip !== ciaddr || !isMeant) return refuse(`${ciaddr} is not lent to ${mac} by this server`);
  const ended = { ...lease, until: scenery.context.now?.() ?? 0 };
  return {
    accepted: `the unknown machine ${mac} released ${ciaddr}`,
    level: 'info',
    loan: { do: 'return', lease: ended },
  };
}

/** RFC 2131 §4.3.5. */
function onInform(request: Request, scenery: Scenery): Answer {
  const { ciaddr } = request.packet;
  if (!isOn(scenery.networks, ciaddr)) return refuse(`'ciaddr' ${ciaddr} in DHCPINFORM is of no network here`);
  const scene = sceneOf(ciaddr, request, scenery);
  return {
    reply: informed(request, guest(request, ciaddr), { kind: 'none' }, scene),
    destination: { address: ciaddr, to: 'client' },
    from: scene.from,
    text: `parameters to the unknown machine ${request.mac}`,
    level: 'debug',
  };
}

/** The settings of the network that contains an address; of the machine's own when none does. */
function sceneOf(ip: string, request: Request, { context, networks, arrival }: Scenery) {
  const found =
    networks.find(({ subnet }) => ip !== '' && subnetContains(subnet, ip)) ?? networks[0] ?? arrival.network;
  const network = { ...found, leaseSeconds: context.unknownLeaseSeconds ?? found.leaseSeconds };
  const from = addressOf(found, context, arrival);
  return { network, from, server: request.relay.server ?? from };
}

function guest({ mac }: Request, ip: string): BootNode {
  return { uid: '', name: mac, mac, ip, hostname: '' };
}

function isOn(networks: readonly BootNetwork[], ip: string): boolean {
  return networks.some(({ subnet }) => subnetContains(subnet, ip));
}

function refuse(refused: string, level: 'debug' | 'info' | 'warn' = 'info'): Answer {
  return { refused, level };
}

function rangesOf(networks: readonly BootNetwork[]): string {
  return `the range of ${networks.flatMap(({ name, range }) => (range ? [name] : [])).join(', ')}`;
}
