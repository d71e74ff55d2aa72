// Sends a byte range of a file over HTTP: Content-Length always, Range, ETag, HEAD; and says how much went out.

import { once } from 'node:events';
import { open } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { readRange } from './range.ts';

export interface FileToSend {
  path: string;
  /** First byte in the file, and how many belong to the resource. */
  offset: number;
  size: number;
  /** Strong validator without quotes: the SHA-256. */
  etag: string;
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

/** Large enough that the cost of a read is small, small enough that a slow client holds little memory. */
const CHUNK = 256 * 1024;

export async function sendFile(request: IncomingMessage, response: ServerResponse, file: FileToSend): Promise<Sent> {
  const etag = `"${file.etag}"`;
  response.setHeader('ETag', etag);
  response.setHeader('Accept-Ranges', 'bytes');
  response.setHeader('Content-Type', file.type);
  // RFC 9110 §13.1.5: a range of something else than the client holds is the whole.
  const condition = request.headers['if-range'];
  const answer =
    condition !== undefined && condition !== etag
      ? { kind: 'whole' as const }
      : readRange(request.headers.range, file.size);
  if (answer.kind === 'unsatisfiable') {
    response.writeHead(416, { 'Content-Range': `bytes */${file.size}`, 'Content-Length': 0 }).end();
    return { status: 416, start: 0, bytes: 0, complete: true };
  }
  if (request.headers['if-none-match'] === etag) {
    response.writeHead(304).end();
    return { status: 304, start: 0, bytes: 0, complete: true };
  }
  const [start, length] = answer.kind === 'part' ? [answer.start, answer.length] : [0, file.size];
  if (answer.kind === 'part') response.setHeader('Content-Range', `bytes ${start}-${start + length - 1}/${file.size}`);
  const status = answer.kind === 'part' ? 206 : 200;
  if (request.method === 'HEAD') {
    response.writeHead(status, { 'Content-Length': length }).end();
    return { status, start, bytes: 0, complete: true };
  }
  const bytes = await stream(response, file, start, length, status);
  return { status, start, bytes, complete: bytes === length };
}

async function stream(
  response: ServerResponse,
  file: FileToSend,
  start: number,
  length: number,
  status: number,
): Promise<number> {
  const handle = await open(file.path, 'r');
  let sent = 0;
  try {
    response.writeHead(status, { 'Content-Length': length });
    while (sent < length && !response.destroyed) {
      const buffer = Buffer.allocUnsafe(Math.min(CHUNK, length - sent));
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, file.offset + start + sent);
      // The blob is shorter than it was: the connection is cut, so that the client does not take this for the whole.
      if (bytesRead === 0) break;
      if (!response.write(bytesRead === buffer.length ? buffer : buffer.subarray(0, bytesRead)))
        await drained(response);
      sent += bytesRead;
    }
  } finally {
    await handle.close();
  }
  if (sent < length) response.destroy();
  else response.end();
  return sent;
}

async function drained(response: ServerResponse): Promise<void> {
  if (response.destroyed) return;
  const stop = new AbortController();
  await Promise.race([
    once(response, 'drain', { signal: stop.signal }),
    once(response, 'close', { signal: stop.signal }),
  ]).catch(() => {});
  stop.abort();
}
