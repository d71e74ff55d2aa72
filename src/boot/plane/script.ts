// Stage 5: the script of a boot, in the language of the loader. The plan is resolved and frozen, a session will be minted.
import { reasonOf } from '../../errors.ts';
import { bootIscsi } from '../iscsi-access.ts';
import { STYLES } from '../styles/style.ts';
import { kernelProblem } from './kernel-problem.ts';
import { type Language, readScripts } from './languages.ts';
import type { PlaneContext } from './ports.ts';
import { type Answer, say } from './question.ts';
import type { Admitted } from './who.ts';

export async function script({ question, context, node }: Admitted['granted'], language: Language): Promise<Answer> {
  const scripts = await readScripts(context.template, language);
  const badAnswers = await kickstartProblem(context, node.uid);
  const badKernel = await kernelProblem(context, node.uid, context.boots.current(node.uid)?.arch);
  // In a storm a request may be unread until its node has given up and asked again: a session for it would end the newer one
  if (await question.hasLeft?.()) return { say: 'nothing' };
  // From here to the mint nothing else is awaited: what the plan names cannot be removed in between.
  const unanswered = badAnswers ?? badKernel;
  const answer = unanswered === undefined ? context.plan(node.uid) : { refused: unanswered };
  if ('refused' in answer) {
    const { refused } = answer;
    const fault = badAnswers ? 'bad-answers' : badKernel ? 'kernel-for-other-processor' : 'nothing-to-boot';
    const text = language.renderRefusal(scripts.get(language.refused) ?? '', node.name, refused, context.random);
    return say(text, {
      noStore: true,
      effects: [
        { do: 'note', note: { stage: 'script', node: node.uid, peer: question.peer, error: refused, fault } },
        { do: 'log', level: 'warn', more: { node: node.name }, text: `no script: ${refused}` },
      ],
    });
  }
  const { plan } = answer;
  const from = language.file(plan);
  const rules = STYLES[plan.style];
  return {
    say: 'script',
    from,
    mint: { plan, peer: question.peer, handsOver: rules.handsOver, takesOnce: !rules.needsKernel },
    text: ({ id, boot }) =>
      language.render(scripts.get(from) ?? '', plan, {
        id,
        head: context.head(plan.node.ip),
        iscsi: bootIscsi(context, boot, plan),
        random: context.random,
      }),
  };
}

/** Returns why the answers for an installer cannot be made: better reported now than by an installer that waits at its console. */
async function kickstartProblem(
  { plan, kickstart }: Pick<PlaneContext, 'plan' | 'kickstart'>,
  node: string,
): Promise<string | undefined> {
  const answer = plan(node);
  if ('refused' in answer || !answer.plan.install?.kickstart) return undefined;
  return kickstart(answer.plan, '0'.repeat(32)).then(
    () => undefined,
    (error: unknown) => reasonOf(error).split('\n')[0],
  );
}
