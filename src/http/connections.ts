// Limits of a connection to the boot plane: the time for a complete request, the number for each peer; and the answer to invalid
// requests.

import type { Server as HttpServer, IncomingMessage, ServerOptions } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import { own } from '../own.ts';

/** A peer that neither reads nor writes for this long is cut off, in milliseconds. */
export const IDLE_MS = 120_000;
/** The largest body is 64 KiB: a request that takes longer only wants to hold the connection. Milliseconds. */
const REQUEST_MS = 30_000;
/** Headers come in one packet or two. Milliseconds. */
const HEADERS_MS = 10_000;
/** Less than a machine takes to restart, and long enough for what the kernel still has to send. Milliseconds. */
const GRUB_IDLE_MS = 10_000;

type Server = HttpServer | HttpsServer;

export interface ConnectionBounds {
  /** Connections of one address at the same time; any number when absent. */
  perPeer?: number;
  headersMs?: number;
  /** How long a connection of GRUB may be idle, in milliseconds. */
  grubIdleMs?: number;
  /** Receives the addresses of closed connections. */
  refused?: (peer: string) => void;
}

/** For each HTTP server of the plane. */
export function serverOptions({ headersMs = HEADERS_MS }: ConnectionBounds = {}): ServerOptions {
  return {
    keepAliveTimeout: 30_000,
    requestTimeout: Math.max(REQUEST_MS, headersMs),
    headersTimeout: headersMs,
    // How often the two times are checked: by default only twice a minute
    connectionsCheckingInterval: Math.min(1000, headersMs),
    // `hostProblem` answers, with a reason
    requireHostHeader: false,
  };
}

/** Counts connections by peer from now on, and closes those beyond the limit. */
export function boundConnections(
  server: Server,
  { perPeer, grubIdleMs = GRUB_IDLE_MS, refused = () => {} }: ConnectionBounds,
): void {
  server.setTimeout(IDLE_MS);
  resetGrub(server, grubIdleMs);
  if (perPeer === undefined) return;
  const counts = new Map<string, number>();
  server.on('connection', (socket: Socket) => {
    const peer = socket.remoteAddress ?? '';
    const count = (counts.get(peer) ?? 0) + 1;
    if (count > perPeer) {
      refused(peer);
      socket.destroy();
      return;
    }
    counts.set(peer, count);
    socket.once('close', () => {
      const left = (counts.get(peer) ?? 1) - 1;
      if (left === 0) counts.delete(peer);
      else counts.set(peer, left);
    });
  });
}

/**
 * GRUB numbers its ports from 21550 at each start, leaves most connections open, and answers nothing on one it has left. After an
 * orderly close, such a connection stays in the kernel for minutes, and catches the SYN of the node's next boot from the same
 * port: GRUB then waits 20 s for each file. So its connections are reset once it has what it asked for.
 */
function resetGrub(server: Server, idleMs: number): void {
  const known = new WeakSet<Socket>();
  server.on('request', ({ headers, socket }, response) => {
    if (!headers['user-agent']?.startsWith('GRUB ')) return;
    response.once('finish', () => socket.setTimeout(idleMs));
    if (known.has(socket)) return;
    known.add(socket);
    // Before the server's own listeners, which close it in order
    for (const event of ['end', 'timeout']) socket.prependOnceListener(event, () => socket.resetAndDestroy());
  });
}

/** RFC 9112 §3.2: a request of HTTP/1.1 MUST have one Host line, and gets 400 when it has none or several. */
export function hostProblem({ httpVersionMinor, rawHeaders }: IncomingMessage): string | undefined {
  let lines = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) if (isHost(rawHeaders[at] ?? '')) lines += 1;
  if (lines === 1 || (lines === 0 && httpVersionMinor === 0)) return undefined;
  return lines === 0 ? 'a request of HTTP/1.1 needs a Host header' : `the request has ${lines} Host headers`;
}

function isHost(name: string): boolean {
  return name.length === 4 && name.toLowerCase() === 'host';
}

/** The status for bytes that are not a request, or arrive too late. */
const STATUS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

export function answerBroken(error: NodeJS.ErrnoException, socket: Socket): void {
  // While this connection carries an answer, more bytes would look like a part of it
  const busy = '_httpMessage' in socket && Boolean(socket._httpMessage);
  if (!socket.writable || busy || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const status = own(STATUS, error.code ?? '') ?? '400 Bad Request';
  socket.end(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`, () => socket.destroy());
}
