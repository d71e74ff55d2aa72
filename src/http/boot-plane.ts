// The boot plane: HTTP/1.1 as firmware, iPXE and the initramfs speak it. Receive, ask, answer, note.
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Boot } from '../boot/boot.ts';
import type { Boots } from '../boot/boots.ts';
import type { Directory } from '../boot/directory.ts';
import { type IscsiAccess, readsOverIscsi } from '../boot/iscsi-access.ts';
import type { Stage } from '../boot/journey.ts';
import type { BootPlan, PlanAnswer, PlannedFile } from '../boot/plan.ts';
import { renderGrubRefusal, renderGrubScript, renderRefusal, renderScript } from '../boot/script.ts';
import { sessionArchive, sessionFile } from '../boot/session-archive.ts';
import type { Statuses } from '../boot/status.ts';
import { STYLES } from '../boot/styles/style.ts';
import { reasonOf } from '../errors.ts';
import { type Log, LogLimiter } from '../log.ts';
import { drains } from './drain.ts';
import { takeHeartbeat, takeReport } from './node-reports.ts';
import { type Sent, sendFile } from './send-file.ts';
import { type HeadFacts, loadersUrl, sessionUrl, sessionValues } from './session-values.ts';

export interface BootPlanePorts {
  head(): HeadFacts;
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
  const { address, port } = ports.head();
  const drain = drains(server.server);
  await server.listen({ host: address, port });
  const bound = server.server.address();
  const close = async (): Promise<void> => {
    await drain(ports.graceMs ?? GRACE_MS);
    await server.close();
  };
  return { port: typeof bound === 'object' && bound ? bound.port : port, close };
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

  type SessionRequest = FastifyRequest<{ Params: { session: string } }>;
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
      inSession(request, reply, async (plan, session) => {
        const file = plan[name];
        if (!file) return refuse(request, reply, 404, `a boot as ${plan.style} has no ${name}`);
        return sendPlanned(ports, request, reply, { name, stage, session, file });
      }),
    );
  };
  serveFile('kernel', 'kernel');
  serveFile('initramfs', 'kernel');
  serveFile('image', 'image');

  server.get('/boot/v1/:session/session.cpio', async (request: SessionRequest, reply) =>
    inSession(request, reply, async (plan, id, boot) => {
      const iscsi = readsOverIscsi(plan) ? ports.iscsiAccess?.(boot, plan) : undefined;
      const archive = sessionArchive(sessionFile(sessionValues(plan, id, ports.head(), iscsi)));
      reply
        .header('Cache-Control', 'no-store')
        .type('application/octet-stream')
        .header('Content-Length', archive.length);
      return reply.send(request.method === 'HEAD' ? undefined : archive);
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

type Refuse = (request: FastifyRequest, reply: FastifyReply, status: number, reason: string) => FastifyReply;

/** What differs between the loaders that ask for a script. */
interface Language {
  refused: string;
  /** The file in boot-scripts/ for a plan. */
  file(plan: BootPlan): string;
  files: readonly string[];
  render(template: string, plan: BootPlan, id: string, ports: BootPlanePorts, boot: Boot): string;
  renderRefusal(template: string, name: string, reason: string): string;
}

const IPXE: Language = {
  refused: 'refused.ipxe',
  files: ['refused.ipxe', ...Object.values(STYLES).flatMap(style => style.scripts)],
  file: plan => STYLES[plan.style]?.script(plan) ?? '',
  render(template, plan, id, ports, boot) {
    const iscsi = readsOverIscsi(plan) ? ports.iscsiAccess?.(boot, plan) : undefined;
    const more = { loaders: loadersUrl(ports.head()), ...(iscsi && { iscsi }) };
    return renderScript(template, plan, sessionUrl(ports.head(), id), more);
  },
  renderRefusal,
};

const GRUB: Language = {
  refused: 'refused.grub',
  files: ['refused.grub', 'netboot.grub', 'local.grub'],
  file: plan => (STYLES[plan.style]?.handsOver ? 'local.grub' : 'netboot.grub'),
  render(template, plan, id, ports) {
    const url = new URL(sessionUrl(ports.head(), id));
    return renderGrubScript(template, plan, url.host, url.pathname);
  },
  renderRefusal: renderGrubRefusal,
};

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
  const scripts = await readScripts(ports, language);
  // From here to the mint nothing is waited for: what the plan names cannot be removed in between.
  const answer = ports.plan(node.uid);
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
  // The specification's audit line, word for word.
  ports.log.info(
    { audit: true, node: plan.node.name, boot: boot.id },
    `Booting node (MAC=${plan.node.mac}) as ${plan.style} using boot config ${plan.bootConfig.uid}.`,
  );
  return text(reply, 200, language.render(template, plan, id, ports, boot));
}

/** Every script that a plan may need, by its name. */
async function readScripts(ports: BootPlanePorts, { files }: Language): Promise<Map<string, string>> {
  const names = new Set(files);
  return new Map(await Promise.all(Array.from(names, async name => [name, await ports.template(name)] as const)));
}

interface Planned {
  name: string;
  stage: Stage;
  session: string;
  file: PlannedFile;
}

async function sendPlanned(
  ports: BootPlanePorts,
  request: FastifyRequest,
  reply: FastifyReply,
  planned: Planned,
): Promise<void> {
  const { name, stage, session, file } = planned;
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
    sent = await send(request, reply, resource);
  } catch (error) {
    ports.boots.note({
      stage,
      session,
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
    session,
    peer: peerOf(request),
    bytes: sent.bytes,
    detail: `${name}${resumed} in ${seconds} s${cut}`,
  });
}

/** Sends the file; one that cannot be read is an error for the log and a 500 for the node. */
async function send(request: FastifyRequest, reply: FastifyReply, file: Parameters<typeof sendFile>[2]): Promise<Sent> {
  reply.hijack();
  try {
    return await sendFile(request.raw, reply.raw, file);
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
