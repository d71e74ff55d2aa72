// Where a client is: the network it asks from, and the head's address that answers it.
import type { BootNetwork, Networks } from '../networks.ts';
import type { Arrival, Context } from './answer.ts';
import { MESSAGE } from './options.ts';
import { NO_ADDRESS } from './packet.ts';
import type { Request } from './request.ts';

/** Returns the network that the client is in, or why it is unknown. */
export function linkOf(request: Request, { networks }: Context, arrival: Arrival): BootNetwork | string {
  const { giaddr, ciaddr } = request.packet;
  // RFC 3527 §3: the sub-option precedes option 118 (RFC 3011), and both precede 'giaddr' (RFC 2131 §4.3.1)
  const said = [request.relay.link, request.subnetSelection, giaddr].find(ip => ip !== undefined && ip !== NO_ADDRESS);
  if (said !== undefined) {
    const who = giaddr === NO_ADDRESS ? 'the client' : `the relay agent ${giaddr}`;
    return (
      networks.ofLink(said) ?? `${who} asks for the network of ${said}, which is none of muster's; see [[networks]]`
    );
  }
  // A client that renews by unicast may be behind any number of routers: its address says where it is
  if (arrival.broadcast) return arrival.network;
  if (ciaddr !== NO_ADDRESS) return networks.of(ciaddr) ?? arrival.network;
  return (arrival.peer === undefined ? undefined : networks.of(arrival.peer)) ?? arrival.network;
}

/**
 * Returns why a message comes from a network that muster does not serve; undefined when it does not. Linux accepts packets to any
 * of its addresses on any interface, so a client elsewhere can reach the server by unicast.
 */
export function foreignness(
  { packet, type }: Request,
  { networks }: Context,
  { broadcast, peer }: Arrival,
): string | undefined {
  if (broadcast || peer === undefined || packet.giaddr !== NO_ADDRESS) return undefined;
  // A renewal comes from wherever the client's address is routed, and its address names its network
  if (packet.ciaddr !== NO_ADDRESS && type !== MESSAGE.discover) return undefined;
  return networks.of(peer) ? undefined : `a client at ${peer} asks, which is an address of no network of muster's`;
}

/** Returns the head's address to answer from: that in the node's network, if that network is on the wire that the message came by. */
export function addressOf(network: BootNetwork, { networks }: Context, arrival: Arrival): string {
  if (!arrival.broadcast || !network.attached) return arrival.network.head;
  return networks.isOneWire(network, arrival.network) ? network.head : arrival.network.head;
}

/** Whether a client means this server by an identifier. */
export function isOurs(server: string | undefined, own: string, networks: Networks): boolean {
  return server !== undefined && (server === own || networks.isHead(server));
}
