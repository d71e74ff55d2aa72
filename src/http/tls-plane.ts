// The boot plane over TLS: only for what is secret. It starts with the first boot that needs it.
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import { answerBroken, boundConnections, type ConnectionBounds, serverOptions } from './connections.ts';
import { drains } from './drain.ts';
import type { Requests } from './requests.ts';

/** A handshake takes two round trips. Milliseconds. */
const HANDSHAKE_MS = 10_000;

export interface TlsPlaneOptions {
  /** Where it listens. */
  addresses: readonly string[];
  /** The TCP port; 0 for any. */
  port: number;
  /** PEM. */
  key: string;
  certificate: string;
  bounds?: ConnectionBounds;
}

export interface TlsPlaneServer {
  port: number;
  close(graceMs: number): Promise<void>;
}

/** Starts it. Errors of the addresses and the port come from `listen(2)`: EADDRINUSE, EACCES. */
export async function startTlsPlane(
  { addresses, port: wanted, key, certificate, bounds = {} }: TlsPlaneOptions,
  requests: Pick<Requests, 'answer'>,
): Promise<TlsPlaneServer> {
  const servers: { server: Server; drain: (graceMs: number) => Promise<void> }[] = [];
  const close = async (graceMs: number): Promise<void> => {
    await Promise.all(servers.map(async ({ drain }) => drain(graceMs)));
    for (const { server } of servers) server.closeAllConnections();
  };
  let port = wanted;
  for (const host of addresses) {
    const options = { ...serverOptions(bounds), key, cert: certificate, handshakeTimeout: HANDSHAKE_MS };
    const server = createServer({ ...options, minVersion: 'TLSv1.2' }, (request, response) => {
      void requests.answer(request, response);
    });
    server.on('clientError', answerBroken);
    // A client that does not trust the key ends the handshake
    server.on('tlsClientError', (_error, socket) => socket.destroy());
    const drain = drains(server);
    boundConnections(server, bounds);
    server.listen({ host, port });
    try {
      await once(server, 'listening');
    } catch (error) {
      // The addresses before it must be free for the next attempt
      await close(0);
      throw error;
    }
    const bound = server.address();
    if (typeof bound === 'object' && bound) port = bound.port;
    servers.push({ server, drain });
  }
  return { port, close };
}
