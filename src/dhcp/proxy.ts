// What a ProxyDHCP server answers (PXE 2.1 §2.2): what to boot and from where, next to a server that gives the addresses. Called
// for every message when dhcp.mode is "proxy". Firmware merges this answer with the other server's.
import { addressFor } from '../boot/address.ts';
import type { BootNode } from '../boot/directory.ts';
import type { Problem, StageNote } from '../boot/journey.ts';
import { targetFor } from '../boot/loader.ts';
import type { Answer, Arrival, Context } from './answer.ts';
import { otherLoaders } from './exchange.ts';
import { fileOf } from './notes.ts';
import { encapsulate, MESSAGE, OPTIONS, setOption } from './options.ts';
import { BOOTREQUEST, NO_ADDRESS } from './packet.ts';
import { destinationOf, proxied } from './reply.ts';
import type { Request } from './request.ts';
import { foreignness } from './where.ts';

/** The port of a boot server (PXE 2.1 §2.2.3), next to the DHCP server's own. */
export const BOOT_SERVER_PORT = 4011;

/** @param port the head's port that the message came to: 67 or 4011 */
export function proxyAnswer(request: Request, context: Context, arrival: Arrival, port: 'server' | 'boot'): Answer {
  const { identity } = request;
  if (request.packet.op !== BOOTREQUEST) return { refused: 'this is a reply of another server', level: 'debug' };
  if (identity.kind === 'system' || !request.hardware)
    return { refused: 'no firmware: left to the other server', level: 'debug' };
  const foreign = port === 'server' ? foreignness(request, context, arrival) : undefined;
  if (foreign !== undefined) return { refused: foreign, level: 'debug' };
  const decision = addressFor(request.mac, context.directory);
  if ('refused' in decision) return { refused: decision.refused, level: 'info', unknown: decision.unknown };
  const { node } = decision;
  if (node.controller) return { refused: `${node.name} boots nothing`, level: 'debug' };
  if (port === 'server' && request.type === MESSAGE.request) return heard(request, node);
  const isAsked = port === 'server' ? request.type === MESSAGE.discover : ASKS.has(request.type ?? 0);
  if (!isAsked) return { refused: `${node.name}: left to the other server`, level: 'debug' };
  const address = (context.networks.of(node.ip) ?? arrival.network).head;
  const plane = { address, httpPort: context.config['http.port'] };
  const target = targetFor(identity, context.loaders, plane, otherLoaders(node, context));
  if (target.kind === 'refused') {
    return {
      refused: `${node.name}: ${target.refused}`,
      level: 'warn',
      note: note(request, node, { error: target.refused, fault: 'no-loader-for-firmware' }),
    };
  }
  const file = fileOf(target);
  const reply = proxied(request, target, { address, type: port === 'server' ? MESSAGE.offer : MESSAGE.ack });
  const control = controlOf(request);
  if (control) setOption(reply.options, OPTIONS.vendorInformation, control);
  return {
    reply,
    destination: destinationOf(request),
    from: arrival.network.head,
    text: `${node.name} gets ${file} to load`,
    level: port === 'boot' ? 'info' : 'debug',
    note: note(request, node, { detail: `${identity.label}: ${file}, next to another DHCP server` }),
  };
}

/** What a client may ask a boot server. */
const ASKS: ReadonlySet<number> = new Set([MESSAGE.request, MESSAGE.inform, MESSAGE.discover]);

/**
 * PXE 2.1 table 2-1, PXE_DISCOVERY_CONTROL bit 3: take the file from this offer, and ask no boot server. BIOS ROMs and iPXE do
 * so. UEFI (edk2) does not get it: it then asks on port 4011, which some versions do whatever the offer says.
 */
function controlOf({ identity }: Request): Buffer | undefined {
  const skips = identity.kind === 'ipxe' || (identity.kind === 'firmware' && identity.arch === 'bios');
  return skips ? Buffer.concat([encapsulate([[6, Buffer.of(8)]]), Buffer.of(255)]) : undefined;
}

/** Handles the REQUEST that follows, to the other server: it shows which address the node got there. */
function heard(request: Request, node: BootNode): Answer {
  const { requestedAddress, serverIdentifier, packet } = request;
  const got = requestedAddress ?? (packet.ciaddr === NO_ADDRESS ? undefined : packet.ciaddr);
  const server = serverIdentifier ?? 'the other DHCP server';
  if (got === undefined || got === node.ip)
    return {
      accepted: `${node.name} takes ${got ?? 'an address'} from ${server}`,
      level: 'debug',
      note: note(request, node, { detail: `${request.identity.label}: ${got ?? 'an address'} from ${server}` }, 1),
    };
  const about = { name: server, have: got, want: node.ip };
  const error = `${server} gives ${node.name} the address ${got}, and muster has ${node.ip} for it: make the two agree`;
  return { accepted: error, level: 'warn', note: note(request, node, { error, fault: 'other-address', about }, 1) };
}

function note(
  request: Request,
  node: BootNode,
  words: Problem & Pick<StageNote, 'detail' | 'about'>,
  step: 0 | 1 = 0,
): StageNote {
  const stage = request.identity.kind === 'ipxe' ? 'ipxe' : step === 1 ? 'addressed' : 'offered';
  return { stage, mac: request.mac, node: node.uid, ...words };
}
