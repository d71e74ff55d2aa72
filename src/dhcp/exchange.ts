// What a DHCP server answers to one message: a reply and where it goes, or nothing, with the reason.
// Asked by the server's loop for every message that could be read. It holds no leases: a node's address is the directory's.
import { addressFor } from '../boot/address.ts';
import type { BootNode, Directory } from '../boot/directory.ts';
import type { Stage, StageNote } from '../boot/journey.ts';
import { type BootTarget, targetFor } from '../boot/loader.ts';
import type { Loaders } from '../boot/loaders.ts';
import type { Config } from '../config.ts';
import { subnetContains, subnetHost } from '../wire/ip.ts';
import { MESSAGE } from './options.ts';
import { BOOTREQUEST, ETHERNET, NO_ADDRESS, type Packet } from './packet.ts';
import { ack, type Destination, destinationOf, informed, type Network, nak, nakDestination, offer } from './reply.ts';
import type { Request } from './request.ts';

/** What the decision knows beside the message; read anew for each, so that a change is in force at once. */
export interface Context extends Network {
  config: Network['config'] & Pick<Config, 'http.port'>;
  directory: Directory;
  loaders: Loaders;
  /** Every file that firmware may fetch, by its name. */
  served?: Pick<ReadonlyMap<string, unknown>, 'has'>;
}

/** An address given to a boot that is under way. */
export interface Grant {
  /** The node's UID. */
  node: string;
  mac: string;
  kind: 'firmware' | 'ipxe';
}

export type Level = 'debug' | 'info' | 'warn';

/** A message is answered, or accepted without answer (`accepted`), or refused with its reason. */
export type Answer =
  | { reply: Packet; destination: Destination; text: string; level: Level; note?: StageNote; grant?: Grant }
  | { accepted: string; level: Level; note?: StageNote }
  | { refusal: string; level: Level; note?: StageNote; unknown?: boolean };

export function answer(request: Request, context: Context): Answer {
  const handler = request.type === undefined ? undefined : HANDLERS[request.type];
  const strange = strangeness(request) ?? (handler ? undefined : `a server gets no message of type ${request.type}`);
  if (strange !== undefined || !handler) return { refusal: strange ?? '', level: 'debug' };
  const decision = addressFor(request.mac, context.directory);
  if ('refusal' in decision) return { refusal: decision.refusal, level: 'info', unknown: decision.unknown };
  const { node } = decision;
  if (!subnetHost(context.head, node.ip)) {
    const network = `${context.head.network}/${context.head.prefix}`;
    return {
      refusal: `${node.name}'s address ${node.ip || '(none)'} is no host address of the boot network ${network}`,
      level: 'warn',
    };
  }
  return handler(request, node, context);
}

type Handler = (request: Request, node: BootNode, context: Context) => Answer;

/** RFC 2131 table 2: the messages that clients send. */
const HANDLERS: Readonly<Record<number, Handler>> = {
  [MESSAGE.discover]: onDiscover,
  [MESSAGE.request]: onRequest,
  [MESSAGE.decline]: onDecline,
  [MESSAGE.release]: onRelease,
  [MESSAGE.inform]: onInform,
};

function strangeness(request: Request): string | undefined {
  const { op, htype, hlen } = request.packet;
  if (op !== BOOTREQUEST) return 'this is a reply of another server';
  if (htype !== ETHERNET || hlen !== 6)
    return `hardware type ${htype} with addresses of ${hlen} bytes; muster knows Ethernet`;
  if (request.type === undefined) return 'plain BOOTP (no DHCP message type); muster answers DHCP';
  return undefined;
}

/** RFC 2131 §4.3.1. */
function onDiscover(request: Request, node: BootNode, context: Context): Answer {
  const target = bootTarget(request, node, context);
  if (target.kind === 'refused') return refused(request, node, target.refusal);
  return {
    reply: offer(request, node, target, context),
    destination: destinationOf(request),
    text: `offer ${node.ip} to ${node.name}${then(target)}`,
    level: 'debug',
    note: request.identity.kind === 'firmware' ? note('offered', request, node, fileOf(target)) : undefined,
  };
}

/** RFC 2131 §4.3.2: which of four states the client is in, by server identifier, requested address and ciaddr (table 4). */
function onRequest(request: Request, node: BootNode, context: Context): Answer {
  const { serverIdentifier, requestedAddress } = request;
  const { ciaddr } = request.packet;
  if (serverIdentifier !== undefined) return onSelecting(request, node, context, serverIdentifier);
  if (ciaddr !== NO_ADDRESS) {
    if (requestedAddress !== undefined)
      return contradiction(node, "both 'ciaddr' and a requested address, and no server identifier");
    // RENEWING (unicast) and REBINDING (broadcast): the same answer
    return ciaddr === node.ip ? grant(request, node, context) : deny(request, node, ciaddr, context);
  }
  // INIT-REBOOT. Without any address: there is only one that can be meant (the `dhcp` package's client asks so).
  if (requestedAddress === undefined || requestedAddress === node.ip) return grant(request, node, context);
  return deny(request, node, requestedAddress, context);
}

/** RFC 2131 §4.3.2, "DHCPREQUEST generated during SELECTING state". */
function onSelecting(request: Request, node: BootNode, context: Context, server: string): Answer {
  if (server !== context.head.address) {
    // RFC 2131 §3.1 step 4: those servers not selected take it as notification that the client has declined their offer
    const reason = `the client took the offer of ${server}`;
    const stage = STAGE_OF_ACK[request.identity.kind];
    const told = stage && {
      ...note(stage, request, node),
      error: `${reason}: another DHCP server answers on the boot network`,
    };
    return { refusal: `${node.name}: ${reason}`, level: 'warn', note: told };
  }
  if (request.packet.ciaddr !== NO_ADDRESS) return contradiction(node, "a server identifier and 'ciaddr'");
  const wanted = request.requestedAddress;
  if (wanted !== undefined && wanted !== node.ip) return deny(request, node, wanted, context);
  return grant(request, node, context);
}

function grant(request: Request, node: BootNode, context: Context): Answer {
  const target = bootTarget(request, node, context);
  if (target.kind === 'refused') return refused(request, node, target.refusal);
  const { kind } = request.identity;
  const stage = STAGE_OF_ACK[kind];
  return {
    reply: ack(request, node, target, context),
    destination: destinationOf(request),
    text: `${node.ip} given to ${node.name}${then(target)}`,
    level: stage ? 'info' : 'debug',
    note: stage && note(stage, request, node, fileOf(target)),
    grant: kind === 'system' ? undefined : { node: node.uid, mac: request.mac, kind },
  };
}

/** RFC 2131 §4.3.2: the client holds to an address that is not its own, or no longer. */
function deny(request: Request, node: BootNode, wanted: string, context: Context): Answer {
  const reason = subnetContains(context.head, wanted)
    ? `${wanted} is not the address of ${node.name}, which is ${node.ip}`
    : `${wanted} is no address of this network`;
  return { reply: nak(request, reason, context), destination: nakDestination(request), text: reason, level: 'info' };
}

/** RFC 2131 §4.3.3: the client found another machine that uses the address; the administrator is told. */
function onDecline(request: Request, node: BootNode, context: Context): Answer {
  if (request.serverIdentifier !== context.head.address) return elsewhere(request, node);
  const wanted = request.requestedAddress ?? node.ip;
  const text = `${node.name} declined ${wanted}: another machine on the boot network uses that address`;
  return { accepted: text, level: 'warn', note: { ...note('addressed', request, node), error: text } };
}

/** RFC 2131 §4.3.4: a static address stays the node's; there is nothing to free. */
function onRelease(request: Request, node: BootNode, context: Context): Answer {
  if (request.serverIdentifier !== context.head.address) return elsewhere(request, node);
  return { accepted: `${node.name} released ${request.packet.ciaddr}`, level: 'debug' };
}

/** RFC 2131 §4.3.5: parameters for a client that has an address already. */
function onInform(request: Request, node: BootNode, context: Context): Answer {
  const { ciaddr } = request.packet;
  if (!subnetHost(context.head, ciaddr)) return contradiction(node, `'ciaddr' ${ciaddr} in DHCPINFORM`);
  const target = bootTarget(request, node, context);
  return {
    reply: informed(request, node, target, context),
    // RFC 2131 §4.3.5: to the address in 'ciaddr', also when a relay passed the question on
    destination: { address: ciaddr, to: 'client' },
    text: `parameters to ${node.name}`,
    level: 'debug',
  };
}

/** The stage of the journey that an ACK is, by what asked. */
const STAGE_OF_ACK: Readonly<Record<Request['identity']['kind'], Stage | undefined>> = {
  firmware: 'addressed',
  ipxe: 'ipxe',
  system: undefined,
};

function bootTarget(request: Request, node: BootNode, context: Context): BootTarget {
  const plane = { address: context.head.address, httpPort: context.config['http.port'] };
  return targetFor(request.identity, context.loaders, plane, node.loader, file => context.served?.has(file) ?? false);
}

function refused(request: Request, node: BootNode, reason: string): Answer {
  return {
    refusal: `${node.name}: ${reason}`,
    level: 'warn',
    note: { ...note('offered', request, node), error: reason },
  };
}

function contradiction(node: BootNode, what: string): Answer {
  return { refusal: `${node.name} sent ${what}, which RFC 2131 table 4 does not have`, level: 'info' };
}

function elsewhere(request: Request, node: BootNode): Answer {
  return { refusal: `${node.name} means the server ${request.serverIdentifier ?? '(none given)'}`, level: 'info' };
}

function note(stage: Stage, request: Request, node: BootNode, loading = ''): StageNote {
  const detail = loading ? `${request.identity.label}: ${loading}` : request.identity.label;
  return { stage, mac: request.mac, node: node.uid, detail };
}

function fileOf(target: BootTarget): string {
  if (target.kind === 'tftp') return target.file;
  return target.kind === 'http' || target.kind === 'script' ? target.url : '';
}

function then(target: BootTarget): string {
  const file = fileOf(target);
  return file && `, to load ${file}`;
}
