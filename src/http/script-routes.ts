// Stage 5 over HTTP: the script of a boot, in the language of the loader that asks.
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { readsOverIscsi } from '../boot/iscsi-access.ts';
import { STYLES } from '../boot/styles/style.ts';
import { kickstartProblem, type Refuse } from './installer-routes.ts';
import { kernelProblem } from './kernel-problem.ts';
import type { BootPlanePorts } from './ports.ts';
import { peerOf, text } from './replies.ts';
import { type Language, readScripts } from './script-language.ts';

/** Stage 5: the plan is resolved and frozen, and the session minted; it is durable before its id is given away. */
export async function answerScript(
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
  const badAnswers = await kickstartProblem(ports, node.uid);
  const badKernel = await kernelProblem(ports, node.uid, ports.boots.current(node.uid)?.arch);
  if (await hasLeft(request)) {
    // In a storm a request lies unread until its node has given up and asked again: a session for it would end the one the node has
    request.raw.socket.destroy();
    return reply.hijack();
  }
  // From here to the mint nothing is waited for: what the plan names cannot be removed in between.
  const unanswered = badAnswers ?? badKernel;
  const answer = unanswered === undefined ? ports.plan(node.uid) : { refusal: unanswered };
  if ('refusal' in answer) {
    const fault = badAnswers ? 'bad-answers' : badKernel ? 'kernel-for-other-processor' : 'nothing-to-boot';
    ports.boots.note({ stage: 'script', node: node.uid, peer: peerOf(request), error: answer.refusal, fault });
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

/** Whether the client has closed its connection, also when that was still to be read: it stands behind the request. */
async function hasLeft({ raw: { socket } }: FastifyRequest): Promise<boolean> {
  // The loop reads a connection once in a turn, before the immediates
  for (let turn = 0; turn < 2; turn += 1) await nextTurn();
  return socket.destroyed || socket.writableEnded;
}
