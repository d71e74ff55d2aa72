// What relay agents add to a message: option 82 and its sub-options (RFC 3046 §2.0).
//
//   code 1 | length 1 | value …       again and again

import { ipAt } from '../wire/ip.ts';

/** The sub-options that a server acts on. */
export interface RelayInformation {
  /** The subnet the client is in, when 'giaddr' is not in it (RFC 3527 §2.0). */
  link?: string;
  /** The address the client is to take for the server's (RFC 5107 §4). */
  server?: string;
}

const LINK_SELECTION = 5;
const SERVER_OVERRIDE = 11;

/** What agents send that have no such address set: no client could be in that subnet, or send to that server. */
const NO_ADDRESSES: ReadonlySet<string> = new Set(['0.0.0.0', '255.255.255.255']);

/**
 * Reads the sub-options. One that is cut off, of a wrong length or of no address is as if it were absent: the whole is
 * echoed all the same.
 */
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
