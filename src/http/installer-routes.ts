// What an installer asks for in its session: its answers (kickstart, preseed, cloud-init's seed), its image, and where it tells its end.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Boot } from '../boot/boot.ts';
import type { BootPlan, PlanAnswer } from '../boot/boot-plan.ts';
import type { Boots } from '../boot/boots.ts';
import { reasonOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { printable } from '../printable.ts';
import { SAFE } from './replies.ts';

export interface InstallerPorts {
  boots: Boots;
  log: Log;
  /** The plan's answers, filled in for its node; throws `bad-kickstart` with the places that cannot be. */
  kickstart(plan: BootPlan, session: string): Promise<string>;
}

export type SessionRequest = FastifyRequest<{ Params: { session: string } }>;
export type Refuse = (request: FastifyRequest, reply: FastifyReply, status: number, reason: string) => FastifyReply;
/** Serves within a living session that belongs to the peer, or refuses. */
export type InSession = (
  request: SessionRequest,
  reply: FastifyReply,
  serve: (plan: BootPlan, id: string, boot: Boot) => Promise<unknown>,
) => Promise<FastifyReply>;

export type SendIso = (
  request: FastifyRequest,
  reply: FastifyReply,
  session: string,
  iso: { blob: string; size: number },
) => Promise<void>;

export function installerRoutes(
  server: FastifyInstance,
  ports: InstallerPorts,
  { inSession, refuse, sendIso }: { inSession: InSession; refuse: Refuse; sendIso: SendIso },
): void {
  const answers = async (request: SessionRequest, reply: FastifyReply) =>
    inSession(request, reply, async (plan, session) => {
      if (!plan.install?.kickstart)
        return refuse(request, reply, 404, `a boot of ${plan.bootConfig.name} as ${plan.style} has no kickstart file`);
      try {
        const text = await ports.kickstart(plan, session);
        note(ports, request, session, `${plan.install.kickstart}${installerMarks(request)}`);
        return sendText(request, reply, text);
      } catch (error) {
        const reason = reasonOf(error);
        ports.boots.note({
          stage: 'initramfs',
          session,
          peer: request.ip,
          file: 'answers',
          error: reason,
          fault: 'bad-answers',
        });
        ports.log.error({ node: plan.node.name }, `no kickstart: ${reason}`);
        return refuse(request, reply, 500, reason);
      }
    });
  server.get('/boot/v1/:session/kickstart', SAFE, answers);

  // cloud-init's NoCloud source appends these names to its seed's URL, and takes two of them for granted.
  server.get('/boot/v1/:session/seed/user-data', SAFE, answers);
  server.get('/boot/v1/:session/seed/meta-data', SAFE, async (request: SessionRequest, reply) =>
    inSession(request, reply, async (plan, _session, boot) =>
      sendText(request, reply, `instance-id: muster-${boot.id}\nlocal-hostname: ${plan.node.hostname}\n`),
    ),
  );

  server.get('/boot/v1/:session/image.iso', SAFE, async (request: SessionRequest, reply) =>
    inSession(request, reply, async (plan, session) => {
      const iso = plan.install?.repo?.iso;
      if (!iso) return refuse(request, reply, 404, `a boot as ${plan.style} has no ISO image`);
      return sendIso(request, reply, session, iso);
    }),
  );

  for (const method of ['POST', 'GET'] as const) {
    server.route({
      method,
      url: '/boot/v1/:session/installed',
      handler: async (request: SessionRequest, reply) => {
        const answer = ports.boots.session(request.params.session, request.ip);
        if ('refusal' in answer && answer.outcome === 'installed') return sendText(request, reply, 'ok\n');
        return inSession(request, reply, async (plan, _session, boot) => {
          if (!plan.install) return refuse(request, reply, 404, `a boot as ${plan.style} installs nothing`);
          ports.boots.installed(boot, request.ip);
          ports.log.info({ node: plan.node.name, boot: boot.id }, `${plan.node.name} is installed`);
          return sendText(request, reply, 'ok\n');
        });
      },
    });
  }
}

/** Why the answers for an installer could not be given: better said now than by an installer that waits for somebody to type. */
export async function kickstartProblem(
  ports: Pick<InstallerPorts, 'kickstart'> & { plan(node: string): PlanAnswer },
  node: string,
): Promise<string | undefined> {
  const answer = ports.plan(node);
  if ('refusal' in answer || !answer.plan.install?.kickstart) return undefined;
  return ports.kickstart(answer.plan, '0'.repeat(32)).then(
    () => undefined,
    (error: unknown) => reasonOf(error).split('\n')[0],
  );
}

function note(ports: InstallerPorts, request: FastifyRequest, session: string, what: string): void {
  if (request.method === 'HEAD') return;
  ports.boots.note({ stage: 'initramfs', session, peer: request.ip, detail: `the installer fetched ${what}` });
}

/** What Anaconda says of itself and of its interfaces (`inst.ks.sendmac`), for the timeline: a node's words, so cut and cleaned. */
function installerMarks(request: FastifyRequest): string {
  const names = ['x-anaconda-system-release', 'x-anaconda-architecture', 'x-rhn-provisioning-mac-0'];
  const words = names.flatMap(name => {
    const value = request.headers[name];
    return typeof value === 'string' ? [printable(value, 60)] : [];
  });
  return words.length === 0 ? '' : ` (${words.join(', ')})`;
}

function sendText(request: FastifyRequest, reply: FastifyReply, body: string): FastifyReply {
  reply
    .type('text/plain; charset=utf-8')
    .header('Cache-Control', 'no-store')
    .header('Content-Length', Buffer.byteLength(body));
  return reply.send(request.method === 'HEAD' ? undefined : body);
}
