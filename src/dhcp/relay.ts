// What relay agents add to a message: option 82 and its sub-options (RFC 3046 §2.0).
//
//   code 1 | length 1 | value …       again and again

/** The sub-options that a server acts on. */
export interface RelayInformation {
  /** The subnet the client is in, when 'giaddr' is not in it (RFC 3527 §2.0). */
  link?: string;
  /** The address the client is to take for the server's (RFC 5107 §4). */
  server?: string;
}

const LINK_SELECTION = 5;
const SERVER_OVERRIDE = 11;

/** Reads the sub-options. One that is cut off or of a wrong length is as if it were absent: the whole is echoed all the same. */
export function readRelayInformation(value: Buffer | undefined): RelayInformation {
  const found: RelayInformation = {};
  if (!value) return found;
  let at = 0;
  while (at + 2 <= value.length) {
    const code = value.readUInt8(at);
    const end = at + 2 + value.readUInt8(at + 1);
    if (end > value.length) break;
    if (end - at === 6) {
      const address = `${value[at + 2]}.${value[at + 3]}.${value[at + 4]}.${value[at + 5]}`;
      if (code === LINK_SELECTION) found.link = address;
      else if (code === SERVER_OVERRIDE) found.server = address;
    }
    at = end;
  }
  return found;
}
