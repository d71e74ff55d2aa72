// The boot plane: HTTP/1.1 as firmware, iPXE and the initramfs speak it. Receive, ask, answer, note.
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Boot } from '../boot/boot.ts';
import type { BootFiles } from '../boot/boot-file.ts';
import type { BootPlan } from '../boot/boot-plan.ts';
import { STORAGE } from '../boot/faults.ts';
import { readsOverIscsi } from '../boot/iscsi-access.ts';
import type { Stage, StageNote } from '../boot/journey.ts';
import { sessionArchive, sessionFile } from '../boot/session-archive.ts';
import { reasonOf } from '../errors.ts';
import { LogLimiter } from '../log.ts';
import { filesByTftp, TFTP_SCRIPT } from './by-tftp.ts';
import {
  answerBroken,
  boundConnections,
  type ConnectionBounds,
  hostProblem,
  IDLE_MS,
  serverOptions,
} from './connections.ts';
import { drains, UnderWay } from './drain.ts';
import { spellHeaders } from './header-names.ts';
import { installerRoutes, type SendIso, type SessionRequest } from './installer-routes.ts';
import { isoRoutes } from './iso-routes.ts';
import { takeHeartbeat, takeReport } from './node-reports.ts';
import { kernelUnderWay, send, sendInTurn, sendPlanned } from './planned-files.ts';
import type { BootPlanePorts } from './ports.ts';
import { peerOf, SAFE, text } from './replies.ts';
import { GRUB, GRUB_BY_TFTP, IPXE } from './script-language.ts';
import { answerScript } from './script-routes.ts';
import type { Sent } from './send-file.ts';
import { sessionValues } from './session-values.ts';
import { storageFault, tellFault } from './storage-faults.ts';

/** No report or heartbeat is larger, in bytes. */
const BODY_LIMIT = 64 * 1024;
/** Downloads under way when the head stops may take this long: iPXE does not ask twice for a kernel. Milliseconds. */
const GRACE_MS = 15_000;
/** What was cut off after that is still noted, before the store that keeps it is closed. Milliseconds. */
const NOTED_MS = 2_000;
/**
 * Connections that wait to be taken: all nodes of a machine room come in one second, and one that finds no room loses a second at its first
 * packet (RFC 6298 §2.1), or its connection at a later one. The kernel bounds it by net.core.somaxconn, of which the doctor speaks.
 */
const BACKLOG = 65_535;

export interface BootPlaneServer {
  port: number;
  filesByTftp: BootFiles;
  close(): Promise<void>;
}

export async function startBootPlane(ports: BootPlanePorts): Promise<BootPlaneServer> {
  const underWay = new UnderWay();
  const server = buildBootPlane(ports, underWay);
  const [address = '', ...more] = ports.addresses;
  const drain = drains(server.server);
  const bounds = boundsOf(ports);
  boundConnections(server.server, bounds);
  ports.connections?.follow(server.server);
  await server.listen({ host: address, port: ports.head(address).port, backlog: BACKLOG });
  const bound = server.server.address();
  const port = typeof bound === 'object' && bound ? bound.port : 0;
  const others = await listenToo(server, more, port, bounds);
  for (const other of others) ports.connections?.follow(other.server);
  const graceMs = ports.graceMs ?? GRACE_MS;
  return {
    port,
    filesByTftp: filesByTftp(server, ports),
    close: async () => {
      await Promise.all([drain(graceMs), ...others.map(async other => other.drain(graceMs))]);
      for (const other of others) {
        other.server.close();
        other.server.closeAllConnections();
      }
      await server.close();
      await underWay.ended(NOTED_MS);
    },
  };
}

/** The same plane at the head's other addresses: the framework itself listens at one. */
async function listenToo(
  plane: FastifyInstance,
  addresses: readonly string[],
  port: number,
  bounds: ConnectionBounds,
): Promise<{ server: Server; drain: (graceMs: number) => Promise<void> }[]> {
  const servers: { server: Server; drain: (graceMs: number) => Promise<void> }[] = [];
  for (const host of addresses) {
    const server = createServer(serverOptions(bounds), plane.routing);
    boundConnections(server, bounds);
    // The framework does so for its own server
    server.on('clientError', answerBroken);
    const drain = drains(server);
    server.listen({ host, port, backlog: BACKLOG });
    await once(server, 'listening');
    servers.push({ server, drain });
  }
  return servers;
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

function buildBootPlane(ports: BootPlanePorts, underWay: UnderWay): FastifyInstance {
  const options = serverOptions(ports.bounds);
  const server = Fastify({
    bodyLimit: BODY_LIMIT,
    connectionTimeout: IDLE_MS,
    keepAliveTimeout: options.keepAliveTimeout ?? 0,
    requestTimeout: options.requestTimeout ?? 0,
    http: options,
    clientErrorHandler: answerBroken,
    forceCloseConnections: true,
    // RFC 9110 §9.2.1: a HEAD has no effects. Routes that have some answer GET alone; the others say `SAFE`.
    exposeHeadRoutes: false,
    // Firmware and hand-written scripts double slashes, and no firmware follows a redirect reliably.
    routerOptions: { ignoreDuplicateSlashes: true, maxParamLength: 200 },
  });
  const limiter = new LogLimiter();
  const nodeUid = (ip: string): string | undefined => ports.directory.nodeByIp(ip)?.uid;
  const refuse = (request: FastifyRequest, reply: FastifyReply, status: number, reason: string): FastifyReply => {
    const dropped = limiter.allow(request.ip);
    // The path may hold a session id, which is a capability: it is not logged.
    if (dropped !== undefined) ports.log.info({ peer: request.ip, status, dropped }, `http: refused: ${reason}`);
    // What is not there, or is over, is asked for by loaders as a matter of course
    if (status === 400 || status === 403) ports.refusals?.refused(request.ip, reason, status);
    return text(reply, status, `${reason}\n`);
  };
  server.addHook('onRequest', async (request, reply) => {
    spellHeaders(reply.raw);
    const problem = hostProblem(request.raw);
    return problem === undefined ? undefined : refuse(request, reply.header('Connection', 'close'), 400, problem);
  });
  server.addHook('onRoute', route => {
    const handler = route.handler;
    route.handler = function (request, reply) {
      return underWay.add(Promise.resolve(handler.call(this, request, reply)));
    };
  });
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  server.setNotFoundHandler((request, reply) => refuse(request, reply, 404, 'nothing is here'));
  server.setErrorHandler((error, request, reply) => {
    const status = (error as { statusCode?: number }).statusCode ?? 500;
    const dropped = status >= 500 ? limiter.allow(`failed ${request.ip}`) : undefined;
    if (status >= 500)
      ports.failures?.failed({ deed: 'answer', what: 'answer its request', error, node: nodeUid(request.ip) });
    if (dropped !== undefined)
      ports.log.error({ error: reasonOf(error), peer: request.ip, dropped }, 'http: a request failed');
    refuse(request, reply, status, status >= 500 ? 'the head failed to answer' : reasonOf(error));
  });

  server.get('/boot/v1/script', SAFE, async (request, reply) => answerScript(ports, request, reply, refuse, IPXE));
  server.get('/boot/v1/grub.cfg', SAFE, async (request, reply) => answerScript(ports, request, reply, refuse, GRUB));
  server.get(TFTP_SCRIPT, SAFE, async (request, reply) => answerScript(ports, request, reply, refuse, GRUB_BY_TFTP));
  // GRUB puts the kernel's path on the kernel's command line (BOOT_IMAGE=), which every user of the node can read: no session in it.
  server.get('/boot/v1/kernel', SAFE, async (request, reply) => {
    const kernel = kernelUnderWay(ports, request.ip);
    if ('refusal' in kernel) return refuse(request, reply, 404, kernel.refusal);
    return sendPlanned(ports, request, reply, { kind: 'kernel', stage: 'kernel', ...kernel });
  });

  server.get<{ Params: { file: string } }>('/boot/v1/loader/:file', SAFE, async (request, reply) => {
    const file = ports.loaderFile(request.params.file);
    if (!file) return refuse(request, reply, 404, 'there is no such loader');
    const node = ports.directory.nodeByIp(request.ip);
    let sent: Sent;
    try {
      sent = await send(request, reply, { ...file, offset: 0, type: 'application/efi' });
    } catch (error) {
      const problem = storageFault(`stored loader ${request.params.file}`, 'loader', error);
      if (node) ports.boots.note({ stage: 'loader', node: node.uid, peer: peerOf(request), ...problem });
      tellFault(ports.log, request, problem.error);
      throw error;
    }
    if (node && sent.bytes > 0) ports.boots.note(loaderSent(request, node.uid, sent));
    return reply;
  });

  const inSession = async (
    request: SessionRequest,
    reply: FastifyReply,
    serve: (plan: BootPlan, id: string, boot: Boot) => Promise<unknown>,
  ) => {
    const answer = ports.boots.session(request.params.session, request.ip);
    if ('refusal' in answer) return refuse(request, reply, answer.gone ? 410 : 403, answer.refusal);
    await serve(answer.plan, request.params.session, answer.boot);
    return reply;
  };
  const serveFile = (name: 'kernel' | 'initramfs' | 'image', stage: Stage): void => {
    server.get(`/boot/v1/:session/${name}`, SAFE, async (request: SessionRequest, reply) =>
      inSession(request, reply, async (plan, session, boot) => {
        // The last file before the node leaves iPXE. Recorded before it is sent: a node must not be installed twice.
        if (name === 'initramfs' && request.method === 'GET') await ports.takeOnce(boot);
        const file = plan[name];
        if (!file) return refuse(request, reply, 404, `a boot as ${plan.style} has no ${name}`);
        const planned = { kind: name, stage, session, file };
        if (name !== 'image' || request.method === 'HEAD') return sendPlanned(ports, request, reply, planned);
        return sendInTurn(ports, request, reply, { ...planned, boot: boot.id, node: plan.node.name });
      }),
    );
  };
  serveFile('kernel', 'kernel');
  serveFile('initramfs', 'kernel');
  serveFile('image', 'image');
  const sendIso: SendIso = async (request, reply, session, iso) => {
    const file = { ...iso, offset: 0, sha256: iso.blob };
    return sendPlanned(ports, request, reply, { kind: 'iso', name: 'ISO image', stage: 'image', session, file });
  };
  installerRoutes(server, ports, { inSession, refuse, sendIso });
  isoRoutes(server, ports, { refuse, send });

  server.get('/boot/v1/:session/session.cpio', SAFE, async (request: SessionRequest, reply) =>
    inSession(request, reply, async (plan, id, boot) => {
      const iscsi = readsOverIscsi(plan) ? ports.iscsiAccess?.(boot, plan) : undefined;
      const archive = sessionArchive(sessionFile(sessionValues(plan, id, ports.head(plan.node.ip), iscsi)));
      reply
        .header('Cache-Control', 'no-store')
        .type('application/octet-stream')
        .header('Content-Length', archive.length);
      return reply.send(request.method === 'HEAD' ? undefined : archive);
    }),
  );

  // iPXE's last word before it starts over: it can fetch, and post nothing.
  type FailedRequest = FastifyRequest<{ Params: { session: string; code: string } }>;
  server.get('/boot/v1/:session/failed/:code', async (request: FailedRequest, reply) =>
    inSession(request, reply, async (plan, session, boot) => {
      const code = /^[\w-]{1,16}$/.exec(request.params.code)?.[0].replace(/^0x/, '') ?? '';
      // The head knows more than iPXE when its own storage is at fault.
      const own = boot.events.findLast(
        ({ stage, fault }) => stage === 'kernel' && fault && STORAGE.includes(fault),
      )?.error;
      const error = `iPXE could not get or start kernel and initramfs in five tries${code && ` (https://ipxe.org/${code})`}${own ? `: ${own}` : ''}`;
      const about = code ? { about: { name: code } } : {};
      ports.boots.note({ stage: 'kernel', session, peer: peerOf(request), error, fault: 'loader-gave-up', ...about });
      ports.log.warn({ node: plan.node.name }, error);
      return text(reply, 200, 'ok\n');
    }),
  );

  server.post('/boot/v1/:session/report', async (request: SessionRequest, reply) =>
    inSession(request, reply, async (plan, session) => {
      const answer = takeReport(ports.boots, session, String(request.body ?? ''), peerOf(request));
      if (answer.log) ports.log.info({ node: plan.node.name }, `report: ${answer.log}`);
      return text(reply, answer.status, answer.text);
    }),
  );

  server.post('/node/v1/heartbeat', async (request, reply) => {
    const answer = takeHeartbeat(ports, String(request.body ?? ''), request.ip);
    if (answer.status !== 200) return refuse(request, reply, answer.status, answer.text.trim());
    if (answer.firstOf) {
      const boot = answer.firstOf;
      const seconds = ((boot.ended ?? boot.started) - boot.started) / 1000;
      ports.log.info({ node: boot.plan?.node.name, seconds }, `${boot.plan?.node.name} is up`);
      await ports.save(boot);
    }
    return text(reply, 200, answer.text);
  });
  return server;
}

/** A loader that was cut off is a fault, as over TFTP: the firmware has nothing that it could start. */
function loaderSent(
  request: FastifyRequest<{ Params: { file: string } }>,
  node: string,
  { bytes, complete }: Sent,
): StageNote {
  const { file } = request.params;
  const sent = { stage: 'loader', node, peer: peerOf(request), bytes, file: 'loader', complete } as const;
  const words = `${file} over HTTP`;
  if (complete) return { ...sent, detail: words };
  return { ...sent, error: `${words} was cut off after ${bytes} bytes`, fault: 'cut-off', about: { name: file } };
}
