// Who may ask the boot plane: each kind of client with the check that admits it, or refuses it with the reason.
import type { Boot, Outcome } from '../boot.ts';
import type { BootPlan, PlannedFile } from '../boot-plan.ts';
import type { BootNode } from '../directory.ts';
import { readFacts } from './facts.ts';
import type { PlaneContext } from './ports.ts';
import { type Question, type RefusedAnswer, refuse } from './question.ts';

/** A question with the values in its path. */
export interface Asked {
  question: Question;
  params: Readonly<Record<string, string>>;
  context: PlaneContext;
}

/** What a route knows about its client, one row for each way of asking. */
export interface Admitted {
  everyone: Asked;
  loading: Asked & { node: BootNode; kernel: PlannedFile };
  granted: Asked & { node: BootNode };
  session: Asked & { session: string; boot: Boot; plan: BootPlan };
  enrolling: Asked & { node: BootNode; facts: ReadonlyMap<string, string>; token: string };
  token: Asked & { facts: ReadonlyMap<string, string>; boot: Boot; plan: BootPlan };
}

export type Who = keyof Admitted;

/** `outcome`: how the boot of the session ended, if it did. */
export type Admission<W extends Who> = { admitted: Admitted[W] } | { refused: RefusedAnswer; outcome?: Outcome };

export const ADMIT: { readonly [W in Who]: (asked: Asked) => Admission<W> } = {
  everyone: asked => ({ admitted: asked }),

  loading(asked) {
    const { directory, boots } = asked.context;
    const node = directory.nodeByIp(asked.question.ip);
    const boot = node && boots.current(node.uid);
    const kernel = boot?.outcome === undefined ? boot?.plan?.kernel : undefined;
    if (!node || !kernel)
      return { refused: refuse(404, `no boot of ${asked.question.ip} is under way that has a kernel`) };
    return { admitted: { ...asked, node, kernel } };
  },

  granted(asked) {
    const { directory, boots } = asked.context;
    const node = directory.nodeByIp(asked.question.ip);
    if (!node) return { refused: refuse(403, `${asked.question.ip} is no node's address`) };
    if (boots.mayMint(node.uid)) return { admitted: { ...asked, node } };
    const reason = `${node.name} asked for a script without a DHCP exchange of booting firmware before it`;
    return { refused: refuse(403, reason) };
  },

  session(asked) {
    const { session = '' } = asked.params;
    const answer = asked.context.boots.session(session, asked.question.ip);
    if (!('refused' in answer)) return { admitted: { ...asked, session, boot: answer.boot, plan: answer.plan } };
    const effects = answer.expired ? [{ do: 'expire', boot: answer.expired } as const] : [];
    const refused = refuse(answer.gone ? 410 : 403, answer.refused, effects);
    return { refused, ...(answer.outcome && { outcome: answer.outcome }) };
  },

  enrolling(asked) {
    const { question, context } = asked;
    if (!question.isPrivate) return { refused: refuse(403, 'enrolment goes over TLS only') };
    const node = context.directory.nodeByIp(question.ip);
    if (!node) return { refused: refuse(403, `${question.ip} is no node's address`) };
    const facts = readFacts(question.body ?? '');
    const token = facts.get('token') ?? '';
    const problem = context.enrolment.problem({ uid: node.uid, ip: question.ip }, token);
    if (!problem) return { admitted: { ...asked, node, facts, token } };
    const text = `${node.name} cannot enrol: ${problem.refused}`;
    const logged = { do: 'log', level: 'warn', more: { node: node.name }, text, rarely: true } as const;
    return { refused: refuse(problem.status, problem.refused, [logged]) };
  },

  token(asked) {
    const facts = readFacts(asked.question.body ?? '');
    const boot = asked.context.boots.byHeartbeatToken(facts.get('token') ?? '');
    const plan = boot?.plan;
    if (!boot || !plan) return { refused: refuse(403, 'unknown token') };
    if (!isOwn(asked, boot, plan)) return { refused: refuse(403, 'the token belongs to another address') };
    return { admitted: { ...asked, facts, boot, plan } };
  },
};

/** Returns whether the address belongs to the boot. A boot keeps its address; the address of an installed system may change. */
function isOwn({ question, context }: Asked, boot: Boot, plan: BootPlan): boolean {
  if (plan.style !== 'installed') return plan.node.ip === question.ip;
  return context.directory.nodeByIp(question.ip)?.uid === boot.node;
}
