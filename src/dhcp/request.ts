// What a client's message says, in typed values: everything the decision reads, and nothing else.
import { type Identity, identify } from '../boot/identify.ts';
import { macFromBytes } from '../wire/mac.ts';
import { getOption, OPTIONS } from './options.ts';
import type { Packet } from './packet.ts';

export interface Request {
  /** The message itself, for the fields and options that a reply echoes. */
  packet: Packet;
  /** Option 53; undefined for plain BOOTP. */
  type: number | undefined;
  /** The hardware address, canonical; of the first six bytes when it is longer or shorter. */
  mac: string;
  requestedAddress: string | undefined;
  serverIdentifier: string | undefined;
  /** The codes the client asks for; undefined when it has no list. */
  parameters: Buffer | undefined;
  /** The longest UDP payload the client takes. */
  sizeLimit: number;
  vendorClass: string | undefined;
  identity: Identity;
}

/** RFC 2131 §2: every client takes an IP datagram of 576 bytes; 28 are the IP and UDP headers. */
const LEAST_SIZE = 548;
/** One Ethernet frame: a fragmented reply is lost on firmware. */
const MOST_SIZE = 1472;
const HEADERS = 28;

/** Reads the options that matter. A malformed one throws WireError; one that nobody reads may be anything. */
export function readRequest(packet: Packet): Request {
  const { options } = packet;
  const vendorClass = getOption(options, OPTIONS.vendorClass);
  const maximum = getOption(options, OPTIONS.maximumSize) ?? 0;
  return {
    packet,
    type: getOption(options, OPTIONS.messageType),
    mac: macFromBytes(packet.chaddr.subarray(0, 6)),
    requestedAddress: getOption(options, OPTIONS.requestedAddress),
    serverIdentifier: getOption(options, OPTIONS.serverIdentifier),
    parameters: getOption(options, OPTIONS.parameterList),
    sizeLimit: Math.min(MOST_SIZE, Math.max(LEAST_SIZE, maximum - HEADERS)),
    vendorClass,
    identity: identify({
      architectures: getOption(options, OPTIONS.architecture),
      vendorClass,
      userClass: getOption(options, OPTIONS.userClass),
      ipxeOptions: options.has(OPTIONS.ipxe.code),
    }),
  };
}
