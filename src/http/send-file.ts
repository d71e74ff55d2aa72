// Sends a byte range of a file over HTTP: Content-Length always, Range, ETag, HEAD; and says how much went out.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { loadLibc } from '../libc.ts';
import { judge } from './conditions.ts';
import { readRange } from './range.ts';
import { type Body, sendByCopy, sendByKernel } from './send-body.ts';
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
  const bytes = await sendBody(response, file.path, { from: file.offset + start, length, status, progress });
  return { status, start, bytes, complete: bytes === length };
}

/** Answers the bytes that went out. */
async function sendBody(response: ServerResponse, path: string, body: Body): Promise<number> {
  const libc = await loadLibc().catch(() => undefined);
  const source = await WarmFile.open(path);
  let sent: number;
  try {
    sent = libc ? await sendByKernel(response, source, body, libc) : await sendByCopy(response, source, body);
  } finally {
    await source.close();
  }
  // The blob is shorter than it was, or the client is gone: cut, so that nobody takes this for the whole.
  if (sent < body.length) response.destroy();
  else response.end();
  return sent;
}
