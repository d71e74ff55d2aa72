// The contents of a client's message, as typed values: everything the decision reads, and nothing else.
import { type Identity, identify } from '../boot/identify.ts';
import { macFromBytes } from '../wire/mac.ts';
import { WireError } from '../wire/reader.ts';
import { getOption, OPTIONS, type Option } from './options.ts';
import { ETHERNET, INFINIBAND, NO_ADDRESS, type Packet } from './packet.ts';
import { type RelayInformation, readRelayInformation } from './relay.ts';

export interface Request {
  /** The message itself, for the fields and options that a reply echoes. */
  packet: Packet;
  /** Option 53; undefined for plain BOOTP. */
  type: number | undefined;
  /** The hardware address, canonical; for an InfiniBand port the six bytes that stand for its GUID. */
  mac: string;
  /** Whether muster knows the kind of hardware of the address. */
  hardware: boolean;
  /** What a relay agent added; empty without one. */
  relay: RelayInformation;
  /** The subnet from which a client wants an address instead of its own (RFC 3011). */
  subnetSelection: string | undefined;
  requestedAddress: string | undefined;
  serverIdentifier: string | undefined;
  /** The requested codes; undefined when the client has no list. */
  parameters: Buffer | undefined;
  /** The longest UDP payload the client accepts. */
  sizeLimit: number;
  vendorClass: string | undefined;
  identity: Identity;
  /** The network card that iPXE boots by: `pci 1af4:1000`, vendor and device. */
  card: string | undefined;
  /** What is wrong with options that count as absent. */
  ignored: readonly string[];
}

/** RFC 2131 §2: every client accepts an IP datagram of 576 bytes; 28 are the IP and UDP headers. */
const LEAST_SIZE = 548;
/** One Ethernet frame: a fragmented reply is lost on firmware. */
const MOST_SIZE = 1472;
const HEADERS = 28;

/**
 * Malformed options that define the question throw WireError; those that only shape the reply count as absent, so that firmware
 * that writes them wrong still boots. Unread options are not checked.
 */
export function readRequest(packet: Packet): Request {
  const { options } = packet;
  const ignored: string[] = [];
  const orAbsent = <T>(option: Option<T>): T | undefined => {
    try {
      return getOption(options, option);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      ignored.push(error.message);
      return undefined;
    }
  };
  const vendorClass = orAbsent(OPTIONS.vendorClass);
  const maximum = orAbsent(OPTIONS.maximumSize) ?? 0;
  const hardware = hardwareOf(packet);
  return {
    packet,
    type: getOption(options, OPTIONS.messageType),
    ...hardware,
    relay: packet.giaddr === NO_ADDRESS ? {} : readRelayInformation(options.get(OPTIONS.relayInformation.code)),
    subnetSelection: getOption(options, OPTIONS.subnetSelection),
    requestedAddress: getOption(options, OPTIONS.requestedAddress),
    serverIdentifier: getOption(options, OPTIONS.serverIdentifier),
    parameters: orAbsent(OPTIONS.parameterList),
    sizeLimit: Math.min(MOST_SIZE, Math.max(LEAST_SIZE, maximum - HEADERS)),
    vendorClass,
    identity: identify({
      mac: hardware.mac,
      architectures: orAbsent(OPTIONS.architecture),
      vendorClass,
      userClass: orAbsent(OPTIONS.userClass),
      ipxeOptions: options.has(OPTIONS.ipxe.code),
    }),
    card: cardOf(options.get(OPTIONS.ipxe.code)),
    ignored,
  };
}

/** iPXE's `bus-id`, 175.177: kind of bus (1 is PCI), vendor, device; five bytes. An unreadable one counts as absent. */
function cardOf(encapsulated: Buffer | undefined): string | undefined {
  for (let at = 0; encapsulated && at + 1 < encapsulated.length; ) {
    const code = encapsulated.readUInt8(at);
    const length = encapsulated.readUInt8(at + 1);
    const value = encapsulated.subarray(at + 2, at + 2 + length);
    if (code === 177 && value.length === 5 && value.readUInt8(0) === 1)
      return `pci ${value.toString('hex', 1, 3)}:${value.toString('hex', 3, 5)}`;
    at += 2 + length;
  }
  return undefined;
}

function hardwareOf({ htype, hlen, chaddr, options }: Packet): { mac: string; hardware: boolean } {
  if (htype === ETHERNET && hlen === 6) return { mac: macFromBytes(chaddr.subarray(0, 6)), hardware: true };
  if (htype !== INFINIBAND) return { mac: macFromBytes(chaddr.subarray(0, 6)), hardware: false };
  // RFC 4390 §2.1: 'hlen' is zero and the client identifier names the port. iPXE also puts the GUID in 'chaddr'.
  const named = hlen === 8 ? chaddr.subarray(0, 8) : options.get(OPTIONS.clientIdentifier.code);
  if (!named || named.length < 8) return { mac: macFromBytes(chaddr.subarray(0, 6)), hardware: false };
  return { mac: macOfGuid(named.subarray(named.length - 8)), hardware: true };
}

/**
 * The six bytes that stand for a port's GUID, `0002:c903:000a:bcde` as `00:02:c9:0a:bc:de`: iPXE and the vendors' tools omit the
 * two in the middle. Every form of client identifier (RFC 4390, RFC 4361, iPXE's, Mellanox's) ends with the GUID.
 */
function macOfGuid(guid: Buffer): string {
  return macFromBytes(Buffer.concat([guid.subarray(0, 3), guid.subarray(5)]));
}
