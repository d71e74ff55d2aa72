// The boot plane: HTTP/1.1 as firmware, iPXE and the initramfs speak it. Receive, ask, answer, note.
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Boot } from '../boot/boot.ts';
import type { Boots } from '../boot/boots.ts';
import type { Directory } from '../boot/directory.ts';
import { type IscsiAccess, readsOverIscsi } from '../boot/iscsi-access.ts';
import type { Stage } from '../boot/journey.ts';
import type { BootPlan, PlanAnswer, PlannedFile } from '../boot/plan.ts';
import { sessionArchive, sessionFile } from '../boot/session-archive.ts';
import type { Statuses } from '../boot/status.ts';
import { STYLES } from '../boot/styles/style.ts';
import { reasonOf } from '../errors.ts';
import { type Log, LogLimiter } from '../log.ts';
import { drains } from './drain.ts';
import type { Governor } from './governor.ts';
import { spellHeaders } from './header-names.ts';
import {
  type InstallerPorts,
  installerRoutes,
  kickstartProblem,
  type Refuse,
  type SendIso,
  type SessionRequest,
} from './installer-routes.ts';
import { type IsoPorts, isoRoutes } from './iso-routes.ts';
import { takeHeartbeat, takeReport } from './node-reports.ts';
import { readRange } from './range.ts';
import { GRUB, IPXE, type Language, readScripts } from './script-language.ts';
import { type Sent, sendFile } from './send-file.ts';
import { type HeadFacts, sessionValues } from './session-values.ts';

export interface BootPlanePorts extends InstallerPorts, IsoPorts {
  /** Where the boot plane listens; the first is the main one. */
  addresses: readonly string[];
  /** What the node with this address speaks to. */
  head(ip: string): HeadFacts;
  directory: Directory;
  boots: Boots;
  statuses: Statuses;
  log: Log;
  plan(nodeUid: string): PlanAnswer;
  /** The text of a script in boot-scripts/. */
  template(name: string): Promise<string>;
  blobPath(sha256: string): string;
  /** The path of a loader file that firmware may fetch over HTTP. */
  loaderFile(name: string): { path: string; size: number; etag: string } | undefined;
  /** Makes the boot durable. */
  save(boot: Boot): Promise<void>;
  attributesIni(nodeUid: string): string | undefined;
  /** What a boot logs in with over iSCSI; none when no target is served. */
  iscsiAccess?(boot: Boot, plan: BootPlan): IscsiAccess;
  statusSeconds(nodeUid: string): number;
  /** Clears the `_boot_once` that the boot's plan has, if it has one; durable when it resolves. */
  takeOnce(boot: Boot): Promise<void>;
  /** Who may have an image now; everyone when absent. */
  governor?: Governor;
  /** How long downloads under way may take when the server is closed, in milliseconds. */
  graceMs?: number;
}

/** No report or heartbeat is larger, in bytes. */
const BODY_LIMIT = 64 * 1024;
/** A peer that neither reads nor writes for this long is cut off, in milliseconds. */
const IDLE_MS = 120_000;
/** Downloads under way when the head stops may take this long: iPXE does not ask twice for a kernel. Milliseconds. */
const GRACE_MS = 15_000;

export async function startBootPlane(ports: BootPlanePorts): Promise<{ port: number; close(): Promise<void> }> {
  const server = buildBootPlane(ports);
  const [address = '', ...more] = ports.addresses;
  const drain = drains(server.server);
  await server.listen({ host: address, port: ports.head(address).port });
  const bound = server.server.address();
  const port = typeof bound === 'object' && bound ? bound.port : 0;
  const others = await listenToo(server, more, port);
  const graceMs = ports.graceMs ?? GRACE_MS;
  return {
    port,
    close: async () => {
      await Promise.all([drain(graceMs), ...others.map(async other => other.drain(graceMs))]);
      for (const other of others) {
        other.server.close();
        other.server.closeAllConnections();
      }
      await server.close();
    },
  };
}

/** The same plane at the head's other addresses: the framework itself listens at one. */
async function listenToo(
  plane: FastifyInstance,
  addresses: readonly string[],
  port: number,
): Promise<{ server: Server; drain: (graceMs: number) => Promise<void> }[]> {
  const servers: { server: Server; drain: (graceMs: number) => Promise<void> }[] = [];
  for (const host of addresses) {
    const server = createServer({ keepAliveTimeout: 30_000, requestTimeout: 30_000 }, plane.routing);
    server.setTimeout(IDLE_MS);
    const drain = drains(server);
    server.listen({ host, port });
    await once(server, 'listening');
    servers.push({ server, drain });
  }
  return servers;
}

function buildBootPlane(ports: BootPlanePorts): FastifyInstance {
  const server = Fastify({
    bodyLimit: BODY_LIMIT,
    connectionTimeout: IDLE_MS,
    keepAliveTimeout: 30_000,
    requestTimeout: 30_000,
    forceCloseConnections: true,
    // Firmware and hand-written scripts double slashes, and no firmware follows a redirect reliably.
    routerOptions: { ignoreDuplicateSlashes: true, maxParamLength: 200 },
  });
  const limiter = new LogLimiter();
  const refuse = (request: FastifyRequest, reply: FastifyReply, status: number, reason: string): FastifyReply => {
    const dropped = limiter.allow(request.ip);
    // The path may hold a session id, which is a capability: it is not logged.
    if (dropped !== undefined) ports.log.info({ peer: request.ip, status, dropped }, `http: refused: ${reason}`);
    return text(reply, status, `${reason}\n`);
  };
  server.addHook('onRequest', async (_request, reply) => spellHeaders(reply.raw));
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  server.setNotFoundHandler((request, reply) => refuse(request, reply, 404, 'nothing is here'));
  server.setErrorHandler((error, request, reply) => {
    const status = (error as { statusCode?: number }).statusCode ?? 500;
    if (status >= 500) ports.log.error({ error: reasonOf(error), peer: request.ip }, 'http: a request failed');
    refuse(request, reply, status, status >= 500 ? 'the head failed to answer' : reasonOf(error));
  });

  server.get('/boot/v1/script', async (request, reply) => answerScript(ports, request, reply, refuse, IPXE));
  server.get('/boot/v1/grub.cfg', async (request, reply) => answerScript(ports, request, reply, refuse, GRUB));
  // GRUB puts the kernel's path on the kernel's command line (BOOT_IMAGE=), which every user of the node can read: no session in it.
  server.get('/boot/v1/kernel', async (request, reply) => {
    const node = ports.directory.nodeByIp(request.ip);
    const boot = node && ports.boots.current(node.uid);
    const file = boot?.outcome === undefined ? boot?.plan?.kernel : undefined;
    if (!node || !file) return refuse(request, reply, 404, `no boot of ${request.ip} is under way that has a kernel`);
    return sendPlanned(ports, request, reply, { name: 'kernel', stage: 'kernel', uid: node.uid, file });
  });

  server.get<{ Params: { file: string } }>('/boot/v1/loader/:file', async (request, reply) => {
    const file = ports.loaderFile(request.params.file);
    if (!file) return refuse(request, reply, 404, 'there is no such loader');
    const sent = await send(request, reply, { ...file, offset: 0, type: 'application/efi' });
    const node = ports.directory.nodeByIp(request.ip);
    if (node && sent.bytes > 0) {
      ports.boots.note({
        stage: 'loader',
        node: node.uid,
        peer: peerOf(request),
        bytes: sent.bytes,
        detail: `${request.params.file} over HTTP`,
      });
    }
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
    server.get(`/boot/v1/:session/${name}`, async (request: SessionRequest, reply) =>
      inSession(request, reply, async (plan, session, boot) => {
        // The last file before the node leaves iPXE. Recorded before it is sent: a node must not be installed twice.
        if (name === 'initramfs' && request.method === 'GET') await ports.takeOnce(boot);
        const file = plan[name];
        if (!file) return refuse(request, reply, 404, `a boot as ${plan.style} has no ${name}`);
        const planned = { name, stage, session, file };
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
    return sendPlanned(ports, request, reply, { name: 'ISO image', stage: 'image', session, file });
  };
  installerRoutes(server, ports, { inSession, refuse, sendIso });
  isoRoutes(server, ports, { refuse, send });

  server.get('/boot/v1/:session/session.cpio', async (request: SessionRequest, reply) =>
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
    inSession(request, reply, async (plan, session) => {
      const code = /^[\w-]{1,16}$/.exec(request.params.code)?.[0].replace(/^0x/, '') ?? '';
      const error = `iPXE could not get kernel and initramfs in five tries${code && ` (https://ipxe.org/${code})`}`;
      ports.boots.note({ stage: 'kernel', session, peer: peerOf(request), error });
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

/** Stage 5: the plan is resolved and frozen, and the session minted; it is durable before its id is given away. */
async function answerScript(
  ports: BootPlanePorts,
  request: FastifyRequest,
  reply: FastifyReply,
  refuse: Refuse,
  language: Language,
): Promise<FastifyReply> {
  const node = ports.directory.nodeByIp(request.ip);
  if (!node) return refuse(request, reply, 403, `${request.ip} is no node's address`);
  if (!ports.boots.mayMint(node.uid)) {
    return refuse(
      request,
      reply,
      403,
      `${node.name} asked for a script without a DHCP exchange of booting firmware before it`,
    );
  }
  reply.type('text/plain; charset=utf-8').header('Cache-Control', 'no-store');
  if (request.method === 'HEAD') return text(reply, 200, '');
  const scripts = await readScripts(ports.template, language);
  const unanswered = await kickstartProblem(ports, node.uid);
  // From here to the mint nothing is waited for: what the plan names cannot be removed in between.
  const answer = unanswered === undefined ? ports.plan(node.uid) : { refusal: unanswered };
  if ('refusal' in answer) {
    ports.boots.note({ stage: 'script', node: node.uid, peer: peerOf(request), error: answer.refusal });
    ports.log.warn({ node: node.name }, `no script: ${answer.refusal}`);
    return text(reply, 200, language.renderRefusal(scripts.get(language.refused) ?? '', node.name, answer.refusal));
  }
  const { plan } = answer;
  const template = scripts.get(language.file(plan)) ?? '';
  const { id, boot } = ports.boots.mint(plan, peerOf(request));
  if (STYLES[plan.style]?.handsOver) ports.boots.handOver(boot);
  await ports.save(boot);
  // Nothing more of it is asked for: the script is all there is to the boot.
  if (!STYLES[plan.style]?.needsKernel) await ports.takeOnce(boot);
  // The specification's audit line, word for word.
  ports.log.info(
    { audit: true, node: plan.node.name, boot: boot.id },
    `Booting node (MAC=${plan.node.mac}) as ${plan.style} using boot config ${plan.bootConfig.uid}.`,
  );
  const iscsi = readsOverIscsi(plan) ? ports.iscsiAccess?.(boot, plan) : undefined;
  return text(reply, 200, language.render(template, plan, { id, head: ports.head(plan.node.ip), iscsi }));
}

interface Planned {
  name: string;
  stage: Stage;
  /** The session's id, or the node's UID where the URL has no session. */
  session?: string;
  uid?: string;
  file: PlannedFile;
}

/** An image, when it is the boot's turn; else 503 with the time to come back. */
async function sendInTurn(
  ports: BootPlanePorts,
  request: FastifyRequest,
  reply: FastifyReply,
  planned: Planned & { boot: string; node: string },
): Promise<unknown> {
  const { governor } = ports;
  if (!governor) return sendPlanned(ports, request, reply, planned);
  const { boot, node, file } = planned;
  const range = readRange(request.headers.range, file.size);
  if (range.kind === 'unsatisfiable') return sendPlanned(ports, request, reply, planned);
  const start = range.kind === 'part' ? range.start : 0;
  const gone = (callback: () => void): void => void request.raw.socket.once('close', callback);
  const admission = await governor.admit({ boot, node, start, size: file.size }, gone);
  if ('slot' in admission) {
    try {
      return await sendPlanned(ports, request, reply, planned, bytes => admission.slot.sent(bytes));
    } finally {
      admission.slot.end();
    }
  }
  const { retryAfter, place } = admission;
  reply.header('Retry-After', retryAfter);
  return text(reply, 503, `the image waits its turn: place ${place} in the queue, come back in ${retryAfter} s\n`);
}

async function sendPlanned(
  ports: BootPlanePorts,
  request: FastifyRequest,
  reply: FastifyReply,
  planned: Planned,
  progress?: (bytes: number) => void,
): Promise<void> {
  const { name, stage, session, uid, file } = planned;
  const whose = { ...(session !== undefined && { session }), ...(uid !== undefined && { node: uid }) };
  const begun = performance.now();
  const resource = {
    path: ports.blobPath(file.blob),
    offset: file.offset,
    size: file.size,
    etag: file.sha256,
    type: 'application/octet-stream',
  };
  let sent: Sent;
  try {
    sent = await send(request, reply, resource, progress);
  } catch (error) {
    ports.boots.note({
      stage,
      ...whose,
      peer: peerOf(request),
      error: `the head cannot read the stored ${name}: ${reasonOf(error)}`,
    });
    throw error;
  }
  if (sent.bytes === 0) return;
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  const resumed = sent.start > 0 ? ` from byte ${sent.start}` : '';
  const cut = sent.complete ? '' : `, cut off after ${sent.bytes} bytes`;
  ports.boots.note({
    stage,
    ...whose,
    peer: peerOf(request),
    bytes: sent.bytes,
    detail: `${name}${resumed} in ${seconds} s${cut}`,
  });
}

/** Sends the file; one that cannot be read is an error for the log and a 500 for the node. */
async function send(
  request: FastifyRequest,
  reply: FastifyReply,
  file: Parameters<typeof sendFile>[2],
  progress?: (bytes: number) => void,
): Promise<Sent> {
  reply.hijack();
  try {
    return await sendFile(request.raw, reply.raw, file, progress);
  } catch (error) {
    // The framework has let go of this reply: an answer must be given here, and a broken one must not look whole.
    if (reply.raw.headersSent) reply.raw.destroy();
    else reply.raw.writeHead(500, { 'Content-Length': 0 }).end();
    throw error;
  }
}

function text(reply: FastifyReply, status: number, body: string): FastifyReply {
  return reply.code(status).type('text/plain; charset=utf-8').send(body);
}

function peerOf(request: FastifyRequest): string {
  return `${request.ip}:${request.socket.remotePort ?? 0}`;
}
