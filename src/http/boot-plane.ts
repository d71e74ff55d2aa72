// The boot plane over HTTP/1.1: a server at each of the head's addresses, and their graceful end.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { BootPlane } from '../boot/plane/plane.ts';
import { loadLibc } from '../libc.ts';
import { LogLimiter } from '../log.ts';
import { answerBroken, boundConnections, type ConnectionBounds, serverOptions } from './connections.ts';
import { drains, UnderWay } from './drain.ts';
import { Pipeline } from './pipeline.ts';
import type { BootPlanePorts } from './ports.ts';
import { Requests } from './requests.ts';
import { Senders } from './senders.ts';
import { startTlsPlane, type TlsPlaneServer } from './tls-plane.ts';

/** How long running downloads may take when the head stops: iPXE does not ask twice for a kernel. Milliseconds. */
const GRACE_MS = 15_000;
/** How long to wait until interrupted downloads are noted, before the store is closed. Milliseconds. */
const NOTED_MS = 2_000;
/**
 * Listen backlog. When a whole machine room boots at once, a SYN that finds it full is retried after 1 s (RFC 6298 §2.1), or the
 * connection is reset. Capped by net.core.somaxconn, which `muster doctor` checks.
 */
const BACKLOG = 65_535;

export interface BootPlaneServer {
  port: number;
  /** Serves what is secret over TLS as well; returns the port. Errors as `listen(2)`. */
  startTls(pair: { key: string; certificate: string }, port: number): Promise<number>;
  close(): Promise<void>;
}

/** @param plane shared with TFTP @param program replaces that of the sending threads, in tests */
export async function startBootPlane(
  ports: BootPlanePorts,
  plane: BootPlane = new BootPlane(ports),
  program?: URL,
): Promise<BootPlaneServer> {
  const underWay = new UnderWay();
  const senders = new Senders(await loadLibc(), reason => senderFailed(ports, reason), { program });
  const requests = new Requests(ports, plane, senders);
  const pipeline = pipelineOf(ports);
  const bounds = boundsOf(ports);
  const graceMs = ports.graceMs ?? GRACE_MS;
  const servers: { server: Server; drain: (graceMs: number) => Promise<void> }[] = [];
  let port = ports.head(ports.addresses[0] ?? '').port;
  for (const host of ports.addresses) {
    const server = createServer(serverOptions(bounds), (request, response) => {
      void underWay.add(pipeline.inTurn(request.socket, response, async () => requests.answer(request, response)));
    });
    server.on('clientError', answerBroken);
    const drain = drains(server);
    boundConnections(server, bounds);
    ports.connections?.follow(server);
    server.listen({ host, port, backlog: BACKLOG });
    await once(server, 'listening');
    const bound = server.address();
    if (typeof bound === 'object' && bound) port = bound.port;
    servers.push({ server, drain });
  }
  const overTls: TlsPlaneServer[] = [];
  return {
    port,
    startTls: async (pair, tlsPort) => {
      const { addresses } = ports;
      const answering = {
        answer: async (request: IncomingMessage, response: ServerResponse) =>
          underWay.add(pipeline.inTurn(request.socket, response, async () => requests.answer(request, response))),
      };
      const server = await startTlsPlane({ addresses, port: tlsPort, ...pair, bounds }, answering);
      overTls.push(server);
      return server.port;
    },
    close: async () => {
      await Promise.all([
        ...overTls.map(async server => server.close(graceMs)),
        ...servers.map(async ({ drain }) => drain(graceMs)),
      ]);
      for (const { server } of servers) server.closeAllConnections();
      await underWay.ended(NOTED_MS);
      senders.close();
    },
  };
}

/** A thread that sends files crashed or hangs: for `why`, and for the log. */
function senderFailed({ failures, log }: BootPlanePorts, reason: string): void {
  const what = 'keep a thread that sends files running';
  failures?.failed({ deed: 'send', what, error: new Error(reason), kind: 'crashed' });
  log.error({ reason }, 'http: a thread that sends files failed; its transfers are cut off, and another one starts');
}

function pipelineOf({ log }: BootPlanePorts): Pipeline {
  const limiter = new LogLimiter();
  return new Pipeline((peer, most) => {
    const dropped = limiter.allow(peer);
    if (dropped !== undefined)
      log.warn({ peer, dropped }, `http: ${peer} sent more than ${most} requests before their answers; closed`);
  });
}

function boundsOf({ bounds = {}, log, refusals }: BootPlanePorts): ConnectionBounds {
  const limiter = new LogLimiter();
  const refused = (peer: string): void => {
    refusals?.refused(peer, `it has ${bounds.perPeer} connections already, see http.peer_connections`, 503);
    const dropped = limiter.allow(peer);
    if (dropped === undefined) return;
    log.warn({ peer, dropped }, `http: ${peer} has ${bounds.perPeer} connections already; a new one was closed`);
  };
  return { ...bounds, refused };
}
