// Sends a byte range of a file over HTTP: Content-Length always, Range, ETag, HEAD; reports how much went out.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Sent, ServedFile } from '../boot/plane/question.ts';
import { ShortFile } from '../boot/plane/storage-fault.ts';
import { loadLibc } from '../libc.ts';
import { judge } from './conditions.ts';
import { readRange } from './range.ts';
import { type Body, sendByKernel, sendByThread } from './send-body.ts';
import type { Senders } from './senders.ts';
import { WarmFile } from './warm-file.ts';

/** Smaller bodies, in bytes, are sent sooner than a thread would start. */
const THREAD_FROM = 1 << 20;

export interface Sending {
  /** For large files; the first one starts the first thread. */
  senders: Senders;
  /** Receives the bytes that the kernel has accepted. */
  progress?: ((bytes: number) => void) | undefined;
  /** The peer reset the connection. */
  reset?: () => void;
}

/**
 * Throws `ShortFile` for a file that is shorter than it should be: before the first byte, or when it shrank in the meantime.
 */
export async function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  file: ServedFile,
  { senders, progress = () => {}, reset = () => {} }: Sending,
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
  response.setHeader('Content-Type', file.type ?? 'application/octet-stream');
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
  const bytes = await sendBody(response, file, senders, {
    ...{ from: file.offset + start, length, status, progress, reset },
  });
  return { status, start, bytes, complete: bytes === length };
}

/** Returns the bytes that went out. */
async function sendBody(response: ServerResponse, file: ServedFile, senders: Senders, body: Body): Promise<number> {
  const libc = await loadLibc();
  const source = await WarmFile.open(file.path, libc);
  let sent: number;
  try {
    await refuseShort(source, file);
    if (body.length < THREAD_FROM || !senders.available) sent = await sendByKernel(response, source, body, libc);
    else sent = await sendByThread(response, source, body, libc, senders);
    if (sent < body.length) await refuseShort(source, file);
  } finally {
    await source.close();
  }
  // The client is gone: cut, so that nobody mistakes this for the whole.
  if (sent < body.length) response.destroy();
  else response.end();
  return sent;
}

async function refuseShort(source: WarmFile, { offset, size }: ServedFile): Promise<void> {
  const there = Math.max(0, (await source.size()) - offset);
  if (there < size) throw new ShortFile(there, size);
}
