// key=value text in the data of Login and Text PDUs (RFC 7143 §6.1): parsed and written, not interpreted.

/** The text breaks the format; the message says where. */
export class TextError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'TextError';
  }
}

export type Pair = readonly [key: string, value: string];

/** RFC 7143 §6.1: a key name has at most 63 characters. Defined names begin with a capital letter, except one (§13.24). */
const KEY = /^[A-Zi][A-Za-z0-9.\-+@_#]{0,62}$/;

/** Longer than any defined value: 1024 bytes of CHAP in hex, with a list of 8192 bytes as the longest (RFC 7143 §6.1). */
const MAX_VALUE = 8192;

/** Reads pairs, each ended by NUL. A repeated key is an error of the initiator (RFC 7143 §6.2). */
export function parseText(bytes: Buffer): Map<string, string> {
  const pairs = new Map<string, string>();
  for (const item of bytes.toString('utf8').split('\0')) {
    if (item === '') continue;
    const equals = item.indexOf('=');
    if (equals < 0) throw new TextError(`text without '=': ${quote(item)}`);
    const key = item.slice(0, equals);
    if (!KEY.test(key)) throw new TextError(`no key name: ${quote(key)}`);
    if (item.length - equals - 1 > MAX_VALUE)
      throw new TextError(`the value of ${key} is longer than ${MAX_VALUE} bytes`);
    if (pairs.has(key)) throw new TextError(`${key} comes twice (RFC 7143 §6.2)`);
    pairs.set(key, item.slice(equals + 1));
  }
  return pairs;
}

export function encodeText(pairs: readonly Pair[]): Buffer {
  return Buffer.from(pairs.map(([key, value]) => `${key}=${value}\0`).join(''), 'utf8');
}

/** Returns a numerical value: decimal, or hexadecimal after 0x (RFC 7143 §6.1). Undefined for anything else, or beyond 32 bits. */
export function parseNumber(text: string): number | undefined {
  if (!/^(0[xX][0-9a-fA-F]{1,8}|\d{1,10})$/.test(text)) return undefined;
  const value = Number(text);
  return value <= 0xffffffff ? value : undefined;
}

/** Returns a binary value: 0x and hex digits, or 0b and base64 (RFC 7143 §6.1). Undefined for anything else, or when empty. */
export function parseBinary(text: string): Buffer | undefined {
  const body = text.slice(2);
  if (/^0[xX]$/.test(text.slice(0, 2)) && /^[0-9a-fA-F]+$/.test(body)) {
    return Buffer.from(body.length % 2 === 0 ? body : `0${body}`, 'hex');
  }
  if (/^0[bB]$/.test(text.slice(0, 2)) && /^[A-Za-z0-9+/]+={0,2}$/.test(body)) return Buffer.from(body, 'base64');
  return undefined;
}

export function encodeBinary(bytes: Uint8Array): string {
  return `0x${Buffer.from(bytes).toString('hex')}`;
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 64));
}
