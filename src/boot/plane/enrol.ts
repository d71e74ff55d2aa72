// How an installed system becomes a node with an agent: it fetches the agent, and enrols with a single-use token.
import { enrolAnswer } from '../enrolment.ts';
import { sessionFile } from '../session-archive.ts';
import { type Answer, type Effect, refuse, say } from './question.ts';
import { sessionValues } from './session-values.ts';
import type { Admitted, Asked } from './who.ts';

/** Answers with the agent and its installer; nothing in them is secret. */
export async function agentArchive({ context }: Asked): Promise<Answer> {
  return say(await context.enrolment.archive(), { type: 'application/x-tar' });
}

/** Answers with the session file of the system, which has its token for heartbeats. */
export function enrol({ question, context, node, facts, token }: Admitted['enrolling']): Answer {
  const plan = context.enrolment.plan(node.uid);
  if (!plan) return refuse(410, 'the node was deleted');
  const session = facts.get('session') ?? '';
  const answer = enrolAnswer(context.boots.of(node.uid), { token, session, claim: facts.get('claim') ?? '' });
  const logged = (level: 'info' | 'warn', text: string): Effect => ({
    do: 'log',
    level,
    more: { node: node.name, peer: question.peer },
    text,
  });
  if ('refused' in answer)
    return refuse(answer.status, answer.refused, [logged('warn', `${node.name} cannot enrol: ${answer.refused}`)]);
  const text = sessionFile(sessionValues(plan, session, context.head(question.ip)));
  if ('again' in answer) return say(text, { noStore: true });
  return say(text, {
    noStore: true,
    effects: [
      { do: 'enrol', plan, enrolment: answer.enrol, peer: question.peer },
      logged('info', `${node.name} was enrolled`),
    ],
  });
}
