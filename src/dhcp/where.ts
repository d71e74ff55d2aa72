// Where a client is: the network it asks from, and the head's address that it is answered from.
import type { BootNetwork, Networks } from '../networks.ts';
import type { Arrival, Context } from './answer.ts';
import { MESSAGE } from './options.ts';
import { NO_ADDRESS } from './packet.ts';
import type { Request } from './request.ts';

/** The network that the client is in, or why that is not known. */
export function linkOf(request: Request, { networks }: Context, arrival: Arrival): BootNetwork | string {
  const { giaddr, ciaddr } = request.packet;
  // RFC 3527 §3: the sub-option goes before option 118 (RFC 3011), and both before 'giaddr' (RFC 2131 §4.3.1)
  const said = [request.relay.link, request.subnetSelection, giaddr].find(ip => ip !== undefined && ip !== NO_ADDRESS);
  if (said !== undefined) {
    const who = giaddr === NO_ADDRESS ? 'the client' : `the relay agent ${giaddr}`;
    return (
      networks.ofLink(said) ?? `${who} asks for the network of ${said}, which is none of muster's; see [[networks]]`
    );
  }
  // A client that renews by unicast may be behind any number of routers: it is where its address is
  if (arrival.broadcast) return arrival.network;
  if (ciaddr !== NO_ADDRESS) return networks.of(ciaddr) ?? arrival.network;
  return (arrival.peer === undefined ? undefined : networks.of(arrival.peer)) ?? arrival.network;
}

/**
 * Why a message is of a network that muster does not serve; undefined when it is not. Linux takes what is sent to one of its
 * addresses by any interface, so that a client elsewhere can reach the server by unicast.
 */
export function foreignness(
  { packet, type }: Request,
  { networks }: Context,
  { broadcast, peer }: Arrival,
): string | undefined {
  if (broadcast || peer === undefined || packet.giaddr !== NO_ADDRESS) return undefined;
  // A renewal comes from wherever the client's address is routed, and its address says of which network it is
  if (packet.ciaddr !== NO_ADDRESS && type !== MESSAGE.discover) return undefined;
  return networks.of(peer) ? undefined : `a client at ${peer} asks, which is an address of no network of muster's`;
}

/** The head's address to answer from: the one the node's network has, where that is on the wire that the message came by. */
export function addressOf(network: BootNetwork, { networks }: Context, arrival: Arrival): string {
  if (!arrival.broadcast || !network.attached) return arrival.network.head;
  return networks.isOneWire(network, arrival.network) ? network.head : arrival.network.head;
}

/** Whether a client means this server by an identifier. */
export function isOurs(server: string | undefined, own: string, networks: Networks): boolean {
  return server !== undefined && (server === own || networks.isHead(server));
}
