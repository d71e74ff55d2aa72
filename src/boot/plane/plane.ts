// The boot plane: a question in, an answer out. HTTP, TFTP and the rehearsal of a boot all call this.
import { LogLimiter } from '../../log.ts';
import type { BootFile } from '../boot-file.ts';
import { goingOf } from '../system-facts.ts';
import { withClaim } from './node-files.ts';
import type { PlaneContext, PlanePorts } from './ports.ts';
import {
  type Answer,
  type Effect,
  type Mint,
  type Minted,
  type Question,
  refuse,
  type ScriptAnswer,
} from './question.ts';
import { findRoute, type Route, type Row } from './routes.ts';
import { ADMIT, type Asked, type Who } from './who.ts';

/** Decides the answer to a question. Does nothing: the answer lists its effects. */
export async function answer(question: Question, context: PlaneContext): Promise<Answer> {
  // RFC 9110 §9.3.2: a HEAD is answered as the GET would be
  const found = findRoute(question.method, question.path);
  if ('say' in found) return found;
  // What is not secret needs no TLS, which costs the head more than the answer
  if (question.isPrivate && !found.route.overTls) return refuse(404, 'this is not served over TLS');
  const given = await answerOf(found.route, { question, context, params: found.params });
  return question.method === 'HEAD' ? withoutEffects(given) : given;
}

async function answerOf<W extends Who>(route: Route & Row<W>, asked: Asked): Promise<Answer> {
  const admission = ADMIT[route.who](asked);
  if ('admitted' in admission) return route.answer(admission.admitted);
  return (admission.outcome && route.ended?.[admission.outcome]) ?? admission.refused;
}

/** RFC 9110 §9.2.1: a HEAD has no effects. */
function withoutEffects(given: Answer): Answer {
  if (given.say === 'nothing') return given;
  // The text would name a session, which is not minted
  if (given.say === 'script') return { say: 'text', status: 200, noStore: true };
  if (given.say === 'file') return { say: 'file', file: given.file, sent: () => [], failed: given.failed };
  const { effects: _dropped, ...bare } = given;
  return bare;
}

/** An answer that is ready to leave. */
export type Ready = Exclude<Answer, ScriptAnswer>;

/** The plane of a running head: carries out the effects of answers, and reports refusals. */
export class BootPlane {
  private readonly ports: PlanePorts;
  private readonly limiter: LogLimiter;

  constructor(ports: PlanePorts, limiter = new LogLimiter()) {
    this.ports = ports;
    this.limiter = limiter;
  }

  /** Answers a question; the effects of the answer are done, and durable, when this resolves. */
  async ask(question: Question, by: 'http' | 'tftp' = 'http'): Promise<Ready> {
    const first = await answer(question, this.ports);
    const turn = first.say === 'text' ? first.turn : undefined;
    try {
      const given = await this.ready(withClaim(first, question), question, by);
      if (given !== first) turn?.end();
      return given;
    } catch (error) {
      turn?.end();
      throw error;
    }
  }

  private async ready(given: Answer, question: Question, by: 'http' | 'tftp'): Promise<Ready> {
    if (given.say === 'script') {
      const minted = await this.mint(given.mint);
      return { say: 'text', status: 200, text: given.text(minted), noStore: true };
    }
    if (given.effects?.length) await this.carryOut(question.ip, given.effects);
    if (given.say === 'refused') this.refused(question.ip, given.status, given.reason, by);
    return given;
  }

  /** Answers a loader that has only TFTP, such as the GRUB that distributions sign; undefined for what TFTP does not serve. */
  async fileByTftp(path: string, ip: string): Promise<BootFile | undefined> {
    // A name of TFTP is no URL: nothing in it is decoded or cut off
    if (/[%?#]|\/\/|^https?:/i.test(path)) return undefined;
    const found = findRoute('GET', path);
    const tftp = 'route' in found ? found.route.tftp : undefined;
    if (!tftp) return undefined;
    const { name, kind, stage, fault } = tftp;
    const given = await this.ask({ method: 'GET', path, ip, peer: ip }, 'tftp');
    if (given.say === 'file') {
      const { path: stored, offset, size } = given.file;
      return { name, kind, stage, path: stored, file: { offset, size } };
    }
    if (given.say === 'text' && given.text !== undefined)
      return { name, kind, stage, content: Buffer.from(given.text) };
    return { name, stage, fault, refused: given.say === 'refused' ? given.reason : 'the client has left' };
  }

  /** Carries out the effects of an answer, in order. */
  async carryOut(ip: string, effects: readonly Effect[]): Promise<void> {
    for (const effect of effects) await this.perform(ip, effect);
  }

  /** Logs and reports a refusal. */
  refused(ip: string, status: number, reason: string, by: 'http' | 'tftp' = 'http'): void {
    const { log, refusals } = this.ports;
    const dropped = this.limiter.allow(ip);
    // The path may hold a session id, which is a capability: it is not logged.
    if (dropped !== undefined) log.info({ peer: ip, status, dropped }, `${by}: refused: ${reason}`);
    // Loaders routinely ask for what is missing or over
    if (status === 400 || status === 403) refusals?.refused(ip, reason, status);
  }

  /** The session is durable before its id leaves the head. */
  private async mint({ plan, peer, handsOver, takesOnce }: Mint): Promise<Minted> {
    const { boots, log, save, takeOnce } = this.ports;
    const minted = boots.mint(plan, peer);
    const { boot } = minted;
    if (handsOver) boots.handOver(boot);
    await save(boot);
    if (takesOnce) await takeOnce(boot);
    // The specification's audit line, word for word.
    log.info(
      { audit: true, node: plan.node.name, boot: boot.id },
      `Booting node (MAC=${plan.node.mac}) as ${plan.style} using boot config ${plan.bootConfig.uid}.`,
    );
    return minted;
  }

  private async perform(ip: string, effect: Effect): Promise<void> {
    const { boots, log } = this.ports;
    switch (effect.do) {
      case 'note':
        return boots.note(effect.note);
      case 'tell':
        return boots.tell(effect.boot, effect.note);
      case 'take-once':
        return this.ports.takeOnce(effect.boot);
      case 'installed':
        return boots.installed(effect.boot, effect.ip);
      case 'enrol':
        return this.ports.save(boots.enrol(effect.plan, effect.enrolment, effect.peer));
      case 'claim':
        boots.claimed(effect.boot, effect.hash);
        return this.ports.save(effect.boot);
      case 'expire':
        return boots.expire(effect.boot);
      case 'beat':
        return this.beat(effect);
      case 'log': {
        const dropped = effect.rarely ? this.limiter.allow(`${ip} ${effect.text}`) : 0;
        const more = effect.rarely ? { peer: ip, ...effect.more, ...(dropped && { dropped }) } : effect.more;
        if (dropped !== undefined) log[effect.level](more, effect.text);
      }
    }
  }

  private async beat({ boot, hardware, status, claimHash, period }: Extract<Effect, { do: 'beat' }>): Promise<void> {
    const { boots, statuses, log, save } = this.ports;
    const isFirst = boots.up(boot, hardware);
    statuses.beat(boot, status, period);
    boots.goodbye(boot, goingOf(status));
    if (!isFirst) return;
    if (claimHash !== undefined) boot.claimHash ??= claimHash;
    const name = boot.plan?.node.name;
    const seconds = ((boot.ended ?? boot.started) - boot.started) / 1000;
    log.info({ node: name, seconds }, `${name} is up`);
    await save(boot);
  }
}
