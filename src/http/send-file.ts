// Sends a byte range of a file over HTTP: Content-Length always, Range, ETag, HEAD; and says how much went out.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { judge } from './conditions.ts';
import { readRange } from './range.ts';
import { WarmFile } from './warm-file.ts';

export interface FileToSend {
  path: string;
  /** First byte in the file, and how many belong to the resource. */
  offset: number;
  size: number;
  /** Strong validator without quotes: the SHA-256. */
  etag: string;
  /** When it was changed last, in milliseconds since 1970; undefined for what is named by its content. */
  modified?: number;
  type: string;
}

export interface Sent {
  status: number;
  /** First byte sent, counted in the resource. */
  start: number;
  /** Bytes handed to the kernel. */
  bytes: number;
  /** Whether all that was asked for went out. */
  complete: boolean;
}

/** Bytes of one read and write: large for a fast client, where each costs; small for a slow one, which would hold the memory. */
const LEAST_CHUNK = 128 * 1024;
const MOST_CHUNK = 1024 * 1024;
/** A write that took less is of a fast client, one that took more of a slow one; milliseconds. */
const FAST_MS = 20;
const SLOW_MS = 500;
/** Buffers kept for the next transfer, of the largest size. */
const KEPT_BUFFERS = 64;

/** @param progress is told of the bytes that the kernel has taken */
export async function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  file: FileToSend,
  progress: (bytes: number) => void = () => {},
): Promise<Sent> {
  const etag = `"${file.etag}"`;
  response.setHeader('ETag', etag);
  response.setHeader('Accept-Ranges', 'bytes');
  if (file.modified !== undefined) response.setHeader('Last-Modified', new Date(file.modified).toUTCString());
  const condition = judge(request.headers, { etag, modified: file.modified });
  if (!condition.send) {
    response.writeHead(condition.status, condition.status === 412 ? { 'Content-Length': 0 } : {}).end();
    return { status: condition.status, start: 0, bytes: 0, complete: true };
  }
  response.setHeader('Content-Type', file.type);
  // RFC 9110 §14.2: a Range header counts with GET alone
  const isRanged = condition.ranged && request.method === 'GET';
  const answer = isRanged ? readRange(request.headers.range, file.size) : { kind: 'whole' as const };
  if (answer.kind === 'unsatisfiable') {
    response.writeHead(416, { 'Content-Range': `bytes */${file.size}`, 'Content-Length': 0 }).end();
    return { status: 416, start: 0, bytes: 0, complete: true };
  }
  const [start, length] = answer.kind === 'part' ? [answer.start, answer.length] : [0, file.size];
  if (answer.kind === 'part') response.setHeader('Content-Range', `bytes ${start}-${start + length - 1}/${file.size}`);
  const status = answer.kind === 'part' ? 206 : 200;
  if (request.method === 'HEAD') {
    response.writeHead(status, { 'Content-Length': length }).end();
    return { status, start, bytes: 0, complete: true };
  }
  const bytes = await stream(response, file, { start, length, status, progress });
  return { status, start, bytes, complete: bytes === length };
}

interface Span {
  start: number;
  length: number;
  status: number;
  progress(bytes: number): void;
}

/**
 * One buffer for each transfer, filled again when the kernel has taken it: the socket's own buffer, some megabytes, is what
 * keeps the wire busy meanwhile. So a slow client costs 128 KiB here, and nothing is allocated for a fast one.
 */
async function stream(response: ServerResponse, file: FileToSend, span: Span): Promise<number> {
  const { start, length, status, progress } = span;
  const source = await WarmFile.open(file.path);
  const end = new Ending(response);
  let buffer = length > LEAST_CHUNK ? takeBuffer() : Buffer.allocUnsafe(length);
  let chunk = buffer.length < MOST_CHUNK ? buffer.length : 2 * LEAST_CHUNK;
  let sent = 0;
  try {
    response.writeHead(status, { 'Content-Length': length });
    while (sent < length && !end.reached) {
      const wanted = Math.min(chunk, length - sent);
      const bytesRead = await source.read(buffer.subarray(0, wanted), file.offset + start + sent);
      // The blob is shorter than it was: the connection is cut, so that the client does not take this for the whole.
      if (bytesRead === 0) break;
      const begun = performance.now();
      if (!(await end.written(buffer.subarray(0, bytesRead)))) break;
      const took = performance.now() - begun;
      sent += bytesRead;
      progress(bytesRead);
      if (took > SLOW_MS && chunk > LEAST_CHUNK) {
        chunk = LEAST_CHUNK;
        giveBuffer(buffer);
        buffer = Buffer.allocUnsafeSlow(LEAST_CHUNK);
      } else if (took < FAST_MS && chunk < buffer.length) chunk *= 2;
    }
  } finally {
    // After a cut the kernel, or Node on its behalf, may still be at it: such a buffer is nobody's.
    if (!end.reached) giveBuffer(buffer);
    await source.close();
  }
  if (sent < length) response.destroy();
  else response.end();
  return sent;
}

/** Writes until the connection ends. */
class Ending {
  reached: boolean;
  private readonly response: ServerResponse;
  private wake: (whole: boolean) => void = () => {};

  constructor(response: ServerResponse) {
    this.response = response;
    this.reached = response.destroyed;
    response.once('close', () => {
      this.reached = true;
      this.wake(false);
    });
  }

  /** Whether the kernel has taken all of it. */
  written(bytes: Buffer): Promise<boolean> {
    return new Promise(resolve => {
      if (this.reached) return resolve(false);
      this.wake = resolve;
      this.response.write(bytes, error => resolve(!error));
    });
  }
}

const buffers: Buffer[] = [];

function takeBuffer(): Buffer {
  return buffers.pop() ?? Buffer.allocUnsafeSlow(MOST_CHUNK);
}

function giveBuffer(buffer: Buffer): void {
  if (buffer.length === MOST_CHUNK && buffers.length < KEPT_BUFFERS) buffers.push(buffer);
}
