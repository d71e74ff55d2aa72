// The body of a BMC's answer: decoded and parsed as JSON, within a limit, whatever the headers claim.
import { brotliDecompressSync, gunzipSync, inflateRawSync, inflateSync } from 'node:zlib';

/** The largest resource, in bytes, packed or not. */
export const BODY_LIMIT = 1 << 20;

export type Body = Record<string, unknown>;

/** Returns the object in the body; an empty one for a body that is empty, not JSON, or not an object. @param coding Content-Encoding */
export function readBody(bytes: Buffer, coding: string | undefined): Body {
  try {
    return objectIn(undone(bytes, coding));
  } catch {
    return {};
  }
}

/** Undoes the codings, the last one first (RFC 9110 §8.4). */
function undone(bytes: Buffer, coding: string | undefined): Buffer {
  const codings = (coding ?? '').toLowerCase().split(',');
  let left = bytes;
  for (const name of codings.map(part => part.trim()).reverse()) left = undo(left, name);
  // Some pack an answer without a header.
  return isGzip(left) ? undo(left, 'gzip') : left;
}

function undo(bytes: Buffer, name: string): Buffer {
  const bound = { maxOutputLength: BODY_LIMIT };
  switch (name) {
    case 'gzip':
    case 'x-gzip':
      // Some claim to have packed an answer and did not.
      return isGzip(bytes) ? gunzipSync(bytes, bound) : bytes;
    case 'deflate':
      // RFC 9110 §8.4.1.2: zlib's format. Some send the bare stream.
      return isZlib(bytes) ? inflateSync(bytes, bound) : isJson(bytes) ? bytes : inflateRawSync(bytes, bound);
    case 'br':
      return isJson(bytes) ? bytes : brotliDecompressSync(bytes, bound);
    default:
      return bytes;
  }
}

function isGzip(bytes: Buffer): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** RFC 1950 §2.2: the method is 8 and the first two bytes are a multiple of 31. */
function isZlib(bytes: Buffer): boolean {
  return bytes.length > 1 && ((bytes[0] ?? 0) & 0x0f) === 8 && bytes.readUInt16BE(0) % 31 === 0;
}

function isJson(bytes: Buffer): boolean {
  return /^\s*[[{]/.test(bytes.toString('latin1', 0, 64));
}

/** Removes the byte order mark, and the zero bytes, that some add. */
function objectIn(bytes: Buffer): Body {
  const text = bytes
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .replaceAll('\0', '');
  return objectOf(JSON.parse(text));
}

/** Returns the value as an object; an empty one when it is something else. */
export function objectOf(value: unknown): Body {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

/** Returns the value as a list; an empty one when it is something else. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Returns the path of a reference that may be absolute, relative to the root, or without its first slash. */
export function pathOf(reference: unknown): string | undefined {
  if (typeof reference !== 'string' || reference === '' || /[\s\p{Cc}]/u.test(reference)) return undefined;
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(reference)) return reference.startsWith('/') ? reference : `/${reference}`;
  if (!URL.canParse(reference)) return undefined;
  const { pathname, search } = new URL(reference);
  return pathname + search;
}
