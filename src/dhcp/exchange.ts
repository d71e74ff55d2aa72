// What a DHCP server answers to one message: a reply and where it goes, or nothing, with the reason. The server's loop asks for
// every readable message. A node's address is the directory's; others may be lent one.
import { addressFor } from '../boot/address.ts';
import type { BootNode } from '../boot/directory.ts';
import type { Fault } from '../boot/faults.ts';
import { type BootTarget, type OtherLoaders, targetFor } from '../boot/loader.ts';
import type { BootNetwork } from '../networks.ts';
import { subnetContains, subnetHost } from '../wire/ip.ts';
import type { Answer, Arrival, Context } from './answer.ts';
import { note, noteOf, STAGE_OF_ACK, then } from './notes.ts';
import { MESSAGE } from './options.ts';
import { BOOTREQUEST, NO_ADDRESS } from './packet.ts';
import { ack, destinationOf, informed, nak, nakDestination, offer, type Scene } from './reply.ts';
import type { Request } from './request.ts';
import { answerUnknown } from './unknown.ts';
import { addressOf, foreignness, isOurs, linkOf } from './where.ts';

/** Decides on a message of any client. */
export function answer(request: Request, context: Context, arrival: Arrival): Answer {
  const handler = request.type === undefined ? undefined : HANDLERS[request.type];
  const strange =
    strangeness(request) ??
    foreignness(request, context, arrival) ??
    (handler ? undefined : `a server gets no message of type ${request.type}`);
  if (strange !== undefined || !handler) return { refused: strange ?? '', level: 'debug' };
  const decision = addressFor(request.mac, context.directory);
  if ('refused' in decision) {
    const lent =
      decision.unknown && context.leases ? answerUnknown(request, context, context.leases, arrival) : undefined;
    return lent ?? { refused: decision.refused, level: 'info', unknown: decision.unknown };
  }
  const { node } = decision;
  const network = context.networks.of(node.ip);
  if (!network || !subnetHost(network.subnet, node.ip)) return { refused: homeless(node, context), level: 'warn' };
  const holder = context.networks.holderOf(node.ip);
  if (holder !== undefined)
    return { refused: `${node.name}'s address ${node.ip} is ${holder}; give the node another`, level: 'warn' };
  const link = linkOf(request, context, arrival);
  if (typeof link === 'string') return { refused: `${node.name}: ${link}`, level: 'warn' };
  const from = addressOf(network, context, arrival);
  const server = request.relay.server ?? from;
  return handler(request, node, { ...context, network, link, server, from });
}

function homeless(node: BootNode, { networks }: Context): string {
  const words = networks.all.map(({ subnet }) => `${subnet.network}/${subnet.prefix}`);
  const where = words.length === 1 ? `the boot network ${words[0]}` : `any of the networks ${words.join(', ')}`;
  return `${node.name}'s address ${node.ip || '(none)'} is no host address of ${where}`;
}

/** The input of the handlers: the rest follows from the node and from how the message arrived. */
interface Scenery extends Context, Scene {
  /** The client's network; `network` is that of the node's address. */
  link: BootNetwork;
  from: string;
}

type Handler = (request: Request, node: BootNode, context: Scenery) => Answer;

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
  if (!request.hardware)
    return `hardware type ${htype} with addresses of ${hlen} bytes; muster knows Ethernet, and InfiniBand by its GUID`;
  if (request.type === undefined) return 'plain BOOTP (no DHCP message type); muster answers DHCP';
  return undefined;
}

/** RFC 2131 §4.3.1. */
function onDiscover(request: Request, node: BootNode, context: Scenery): Answer {
  const elsewhere = misplaced(node, context);
  if (elsewhere !== undefined) return refused(request, node, elsewhere, 'wrong-network');
  const seconds = context.quarantined(node.ip);
  if (seconds > 0)
    return refused(
      request,
      node,
      `another machine uses ${node.ip}; it is offered again in ${seconds} s`,
      'address-in-use',
    );
  const target = bootTarget(request, node, context);
  if (target.kind === 'refused') return refused(request, node, target.refused, 'no-loader-for-firmware');
  return {
    reply: offer(request, node, target, context),
    destination: destinationOf(request),
    from: context.from,
    text: `offer ${node.ip} to ${node.name}${then(target)}`,
    level: 'debug',
    note:
      request.identity.kind === 'firmware' && !node.controller ? noteOf('offered', request, node, target) : undefined,
  };
}

/** RFC 2131 §4.3.2: which of four states the client is in, by server identifier, requested address and ciaddr (table 4). */
function onRequest(request: Request, node: BootNode, context: Scenery): Answer {
  const { serverIdentifier, requestedAddress } = request;
  const { ciaddr } = request.packet;
  if (serverIdentifier !== undefined) return onSelecting(request, node, context, serverIdentifier);
  if (ciaddr !== NO_ADDRESS) {
    // Table 4 forbids both, and `dhcping` sends both; which state it means makes no difference where they are the same.
    if (requestedAddress !== undefined && requestedAddress !== ciaddr)
      return contradiction(node, "a 'ciaddr' and another requested address, and no server identifier");
    // RENEWING (unicast) and REBINDING (broadcast): the same answer
    return ciaddr === node.ip ? grant(request, node, context) : deny(request, node, ciaddr, context);
  }
  // INIT-REBOOT. Without any address, only one can be meant (the `dhcp` package's client asks like this).
  if (requestedAddress === undefined || requestedAddress === node.ip) return grant(request, node, context);
  return deny(request, node, requestedAddress, context);
}

/** RFC 2131 §4.3.2, "DHCPREQUEST generated during SELECTING state". */
function onSelecting(request: Request, node: BootNode, context: Scenery, server: string): Answer {
  if (!isOurs(server, context.server, context.networks)) {
    // RFC 2131 §3.1 step 4: those servers not selected take it as notification that the client has declined their offer
    const reason = `the client took the offer of ${server}`;
    const stage = node.controller ? undefined : STAGE_OF_ACK[request.identity.kind];
    const told = stage && {
      ...note(stage, request, node),
      error: `${reason}: another DHCP server answers on the boot network`,
      fault: 'other-dhcp-server' as const,
      about: { name: server },
    };
    return { refused: `${node.name}: ${reason}`, level: 'warn', note: told };
  }
  if (request.packet.ciaddr !== NO_ADDRESS) return contradiction(node, "a server identifier and 'ciaddr'");
  const wanted = request.requestedAddress;
  if (wanted !== undefined && wanted !== node.ip) return deny(request, node, wanted, context);
  return grant(request, node, context);
}

function grant(request: Request, node: BootNode, context: Scenery): Answer {
  if (misplaced(node, context) !== undefined) return deny(request, node, node.ip, context);
  const target = bootTarget(request, node, context);
  if (target.kind === 'refused') return refused(request, node, target.refused, 'no-loader-for-firmware');
  const kind = node.controller ? 'system' : request.identity.kind;
  const stage = STAGE_OF_ACK[kind];
  return {
    reply: ack(request, node, target, context),
    destination: destinationOf(request),
    from: context.from,
    text: `${node.ip} given to ${node.name}${then(target)}`,
    level: stage ? 'info' : 'debug',
    note: stage && noteOf(stage, request, node, target),
    grant: kind === 'system' ? undefined : { node: node.uid, mac: request.mac, kind },
  };
}

/** RFC 2131 §4.3.2: the client keeps an address that is not, or no longer, its own. */
function deny(request: Request, node: BootNode, wanted: string, context: Scenery): Answer {
  const here = context.networks.all.some(
    item => context.networks.isOneWire(item, context.link) && subnetContains(item.subnet, wanted),
  );
  const reason = here
    ? `${wanted} is not the address of ${node.name}, which is ${node.ip}`
    : `${wanted} is no address of this network`;
  return {
    reply: nak(request, reason, context),
    destination: nakDestination(request),
    from: context.from,
    text: reason,
    level: 'info',
  };
}

/** Returns why a node gets nothing here: its address belongs to another network than the wire it asks from. */
function misplaced(node: BootNode, { network, link, networks }: Scenery): string | undefined {
  if (networks.isOneWire(network, link)) return undefined;
  const words = ({ name, subnet }: BootNetwork): string => `${name} (${subnet.network}/${subnet.prefix})`;
  return `it asks from the network ${words(link)}, and its address ${node.ip} is of ${words(network)}: plug it there, or change its ip`;
}

/** RFC 2131 §4.3.3: the client found another machine that uses the address; the administrator is notified. */
function onDecline(request: Request, node: BootNode, context: Scenery): Answer {
  if (!isOurs(request.serverIdentifier, context.server, context.networks)) return elsewhere(request, node);
  const wanted = request.requestedAddress ?? node.ip;
  const text = `${node.name} declined ${wanted}: another machine on the boot network uses that address`;
  return {
    accepted: text,
    level: 'warn',
    ...(wanted === node.ip && { inUse: wanted }),
    ...(!node.controller && {
      note: {
        ...note('addressed', request, node),
        error: text,
        fault: 'address-in-use' as const,
        about: { name: wanted },
      },
    }),
  };
}

/** RFC 2131 §4.3.4: a static address stays the node's; there is nothing to free. */
function onRelease(request: Request, node: BootNode, context: Scenery): Answer {
  // RFC 2131 table 5 requires the identifier; systemd-networkd sends none, and means the server that it sends to
  if (request.serverIdentifier !== undefined && !isOurs(request.serverIdentifier, context.server, context.networks))
    return elsewhere(request, node);
  return { accepted: `${node.name} released ${request.packet.ciaddr}`, level: 'debug' };
}

/** RFC 2131 §4.3.5: parameters for a client that has an address already. */
function onInform(request: Request, node: BootNode, context: Scenery): Answer {
  const { ciaddr } = request.packet;
  const network = context.networks.of(ciaddr);
  if (!network || !subnetHost(network.subnet, ciaddr)) return contradiction(node, `'ciaddr' ${ciaddr} in DHCPINFORM`);
  const target = bootTarget(request, node, context);
  return {
    reply: informed(request, node, target, context),
    // RFC 2131 §4.3.5: to the address in 'ciaddr', also when a relay passed the question on
    destination: { address: ciaddr, to: 'client' },
    from: context.from,
    text: `parameters to ${node.name}`,
    level: 'debug',
  };
}

function bootTarget(request: Request, node: BootNode, context: Scenery): BootTarget {
  if (node.controller) return { kind: 'none' };
  const plane = { address: context.network.head, httpPort: context.config['http.port'] };
  return targetFor(request.identity, context.loaders, plane, otherLoaders(node, context));
}

/** Returns the other loaders this node may get, and the chosen one. */
export function otherLoaders(node: BootNode, context: Context): OtherLoaders {
  return {
    spares: context.spares,
    choose: files => context.chooseLoader?.(node.uid, files) ?? files[0],
    wants: node.loader,
    has: file => context.served?.has(file) ?? false,
  };
}

function refused(request: Request, node: BootNode, reason: string, fault: Fault): Answer {
  return {
    refused: `${node.name}: ${reason}`,
    level: 'warn',
    ...(!node.controller && { note: { ...note('offered', request, node), error: reason, fault } }),
  };
}

function contradiction(node: BootNode, what: string): Answer {
  return { refused: `${node.name} sent ${what}, which RFC 2131 table 4 does not have`, level: 'info' };
}

function elsewhere(request: Request, node: BootNode): Answer {
  const { serverIdentifier: server } = request;
  const what = server === undefined ? 'names no server in its message' : `addresses the server ${server}, not this one`;
  return { refused: `${node.name} ${what}`, level: 'info' };
}
