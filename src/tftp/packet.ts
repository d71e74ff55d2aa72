// The bytes of TFTP packets: decodes what a client may send, encodes what a server sends.
//
//   RRQ/WRQ  | 1 or 2 | file name | 0 | mode | 0 | option | 0 | value | 0 | …      RFC 1350 §5, RFC 2347
//   DATA     | 3 | block | data        ACK | 4 | block                             RFC 1350 §5
//   ERROR    | 5 | code | message | 0  OACK | 6 | option | 0 | value | 0 | …       RFC 1350 §5, RFC 2347
import { Reader, WireError } from '../wire/reader.ts';
import { Writer } from '../wire/writer.ts';

/** RFC 1350 §5, RFC 2347. */
export const OPCODE = { rrq: 1, wrq: 2, data: 3, ack: 4, error: 5, oack: 6 } as const;

/** RFC 1350 appendix, RFC 2347. */
export const ERROR_CODE = {
  undefined: 0,
  notFound: 1,
  accessViolation: 2,
  illegalOperation: 4,
  unknownTransferId: 5,
  optionsRefused: 8,
} as const;
export type ErrorCode = (typeof ERROR_CODE)[keyof typeof ERROR_CODE];

export interface Request {
  type: 'rrq' | 'wrq';
  file: string;
  /** Lower case. */
  mode: string;
  /** Names in lower case, values as sent, in the order sent. */
  options: [name: string, value: string][];
}

export type ClientPacket =
  | Request
  | { type: 'ack'; block: number }
  | { type: 'error'; code: number; message: string }
  | { type: 'unexpected'; opcode: number };

/** RFC 2347: "The maximum size of a request packet is 512 octets." */
const MAX_REQUEST = 512;

/** Reads a datagram of a client; throws `WireError` on anything that is not a TFTP packet. */
export function decodePacket(bytes: Uint8Array): ClientPacket {
  const reader = new Reader(bytes);
  const opcode = reader.u16('opcode');
  switch (opcode) {
    case OPCODE.rrq:
      return decodeRequest(reader, 'rrq');
    case OPCODE.wrq:
      return decodeRequest(reader, 'wrq');
    case OPCODE.ack:
      return { type: 'ack', block: reader.u16('block') };
    case OPCODE.error:
      return { type: 'error', code: reader.u16('code'), message: decodeMessage(reader) };
    case OPCODE.data:
    case OPCODE.oack:
      return { type: 'unexpected', opcode };
    default:
      throw new WireError(`no TFTP packet has the opcode ${opcode}`, 0, 'opcode');
  }
}

function decodeRequest(reader: Reader, type: Request['type']): Request {
  const length = reader.buffer.length;
  if (length > MAX_REQUEST) {
    throw new WireError(`a request has at most ${MAX_REQUEST} bytes, this one ${length}`, MAX_REQUEST, 'request');
  }
  const file = reader.cstring('file name').toString('utf8');
  // RFC 1350 §5: the mode is in any combination of upper and lower case.
  const mode = reader.cstring('mode').toString('latin1').toLowerCase();
  return { type, file, mode, options: decodeOptions(reader) };
}

/** Firmware pads requests with zeros or leftover bytes: an incomplete name or value ends the list and is no error. */
function decodeOptions(reader: Reader): [string, string][] {
  const options: [string, string][] = [];
  while (hasString(reader)) {
    // RFC 2347: option names are case-insensitive.
    const name = reader.cstring('option name').toString('latin1').toLowerCase();
    if (name === '' || !hasString(reader)) break;
    options.push([name, reader.cstring('option value').toString('latin1')]);
  }
  return options;
}

function hasString(reader: Reader): boolean {
  return reader.buffer.indexOf(0, reader.offset) >= 0;
}

/** Clients often omit the final NUL, and the message is only for people. */
function decodeMessage(reader: Reader): string {
  return (hasString(reader) ? reader.cstring('message') : reader.rest()).subarray(0, 128).toString('latin1');
}

/** RFC 2347: the options that were accepted, with the values that count. */
export function encodeOack(options: readonly (readonly [name: string, value: number])[]): Buffer {
  const writer = new Writer(64).u16(OPCODE.oack);
  for (const [name, value] of options) writer.text(name).u8(0).text(String(value)).u8(0);
  return writer.finish();
}

/** The message is for a person at a console: ASCII, one sentence. */
export function encodeError(code: ErrorCode, message: string): Buffer {
  return new Writer(128).u16(OPCODE.error).u16(code).text(message).u8(0).finish();
}
