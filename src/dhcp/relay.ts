// What relay agents add to a message: option 82 and its sub-options (RFC 3046 §2.0).
//
//   code 1 | length 1 | value …       again and again

import { ipAt } from '../wire/ip.ts';

/** The sub-options that a server acts on. */
export interface RelayInformation {
  /** The client's subnet, when it does not contain 'giaddr' (RFC 3527 §2.0). */
  link?: string;
  /** The address that the client must use as the server's (RFC 5107 §4). */
  server?: string;
}

const LINK_SELECTION = 5;
const SERVER_OVERRIDE = 11;

/** Placeholders that agents send without such an address: no client could be in that subnet, or send to that server. */
const NO_ADDRESSES: ReadonlySet<string> = new Set(['0.0.0.0', '255.255.255.255']);

/** Reads the sub-options. One that is cut off, of a wrong length or without an address counts as absent: all of it is echoed anyway. */
export function readRelayInformation(value: Buffer | undefined): RelayInformation {
  const found: RelayInformation = {};
  if (!value) return found;
  let at = 0;
  while (at + 2 <= value.length) {
    const code = value.readUInt8(at);
    const end = at + 2 + value.readUInt8(at + 1);
    if (end > value.length) break;
    const address = end - at === 6 ? ipAt(value.subarray(at + 2, end)) : '';
    if (address !== '' && !NO_ADDRESSES.has(address)) {
      if (code === LINK_SELECTION) found.link = address;
      else if (code === SERVER_OVERRIDE) found.server = address;
    }
    at = end;
  }
  return found;
}
