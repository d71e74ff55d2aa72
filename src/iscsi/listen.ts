// Listening for iSCSI connections: an unavailable address fails at the start, and a later failure to accept is reported.
import { createServer, type Server, type ServerOpts, type Socket } from 'node:net';
import { reasonOf } from '../errors.ts';
import type { Report } from './directory.ts';

/**
 * Listen backlog. When a whole machine room boots at once, a SYN that finds it full is retried after 1 s (RFC 6298 §2.1). Capped
 * by net.core.somaxconn.
 */
const BACKLOG = 65_535;

export interface Listener {
  server: Server;
  port: number;
}

/** Resolves when connections are accepted. Rejects when the address is not available. */
export async function listen(
  where: { port: number; host: string },
  options: ServerOpts,
  accept: (socket: Socket) => void,
  report: Report,
): Promise<Listener> {
  const server = createServer({ ...options, noDelay: true }, accept);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ ...where, backlog: BACKLOG }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  // Such as EMFILE: one connection is lost, and the next one is accepted again.
  server.on('error', error => report(`a connection to ${where.host} could not be accepted: ${reasonOf(error)}`));
  const address = server.address();
  return { server, port: typeof address === 'object' && address ? address.port : where.port };
}
