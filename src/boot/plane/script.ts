// Stage 5: the script of a boot, in the language of the loader. The plan is resolved and frozen, a session will be minted.
import { reasonOf } from '../../errors.ts';
import type { Refused } from '../../refused.ts';
import { type PlannedFiles, takesFiles } from '../boot-plan.ts';
import type { Fault } from '../faults.ts';
import { bootIscsi } from '../iscsi-access.ts';
import { STYLES } from '../styles/style.ts';
import { initramfsProblem } from './initramfs-problem.ts';
import { ignitionProblem } from './installer.ts';
import { kernelProblem } from './kernel-problem.ts';
import { type Language, readScripts } from './languages.ts';
import type { PlaneContext } from './ports.ts';
import { type Answer, say } from './question.ts';
import type { Admitted } from './who.ts';

export async function script({ question, context, node }: Admitted['granted'], language: Language): Promise<Answer> {
  const scripts = await readScripts(context.template, language);
  const badAnswers = await kickstartProblem(context, node.uid);
  const badKernel = await kernelProblem(context, node.uid, context.boots.current(node.uid)?.arch);
  const files = badAnswers || badKernel ? {} : await renderedFiles(context, node.uid);
  const badInitramfs =
    badAnswers || badKernel || 'refused' in files ? undefined : await initramfsProblem(context, node.uid, files.files);
  // In a storm a request may be unread until its node has given up and asked again: a session for it would end the newer one
  if (await question.hasLeft?.()) return { say: 'nothing' };
  // From here to the mint nothing else is awaited: what the plan names cannot be removed in between.
  const unanswered =
    badAnswers ?? badKernel ?? badInitramfs?.refused ?? ('refused' in files ? files.refused : undefined);
  const answer = unanswered === undefined ? context.plan(node.uid) : { refused: unanswered };
  if ('refused' in answer) {
    const { refused } = answer;
    const fault = faultOf({ badAnswers, badKernel, badInitramfs, badFiles: 'refused' in files });
    const about = badInitramfs && { about: { name: badInitramfs.name } };
    const text = language.renderRefusal(scripts.get(language.refused) ?? '', node.name, refused, context.random);
    return say(text, {
      noStore: true,
      effects: [
        { do: 'note', note: { stage: 'script', node: node.uid, peer: question.peer, error: refused, fault, ...about } },
        { do: 'log', level: 'warn', more: { node: node.name }, text: `no script: ${refused}` },
      ],
    });
  }
  const plan = { ...answer.plan, ...('files' in files && { files: files.files }) };
  const from = language.file(plan);
  const rules = STYLES[plan.style];
  return {
    say: 'script',
    from,
    mint: { plan, peer: question.peer, handsOver: rules?.handsOver ?? false, takesOnce: !rules?.needsKernel },
    text: ({ id, boot }) =>
      language.render(scripts.get(from) ?? '', plan, {
        id,
        head: context.head(plan.node.ip),
        iscsi: bootIscsi(context, boot, plan),
        random: context.random,
      }),
  };
}

/** Returns the files of a boot, which the plan has a place for; none when its style takes none. */
async function renderedFiles(
  { plan, files }: Pick<PlaneContext, 'plan' | 'files'>,
  node: string,
): Promise<{ files?: PlannedFiles } | Refused> {
  const answer = plan(node);
  if ('refused' in answer || !files || !takesFiles(answer.plan)) return {};
  return files(node).catch((error: unknown) => ({ refused: reasonOf(error) }));
}

function faultOf(bad: {
  badAnswers: string | undefined;
  badKernel: string | undefined;
  badInitramfs: object | undefined;
  badFiles: boolean;
}): Fault {
  if (bad.badAnswers !== undefined) return 'bad-answers';
  if (bad.badKernel !== undefined) return 'kernel-for-other-processor';
  if (bad.badInitramfs !== undefined) return 'initramfs-too-old';
  return bad.badFiles ? 'files-do-not-render' : 'nothing-to-boot';
}

/** Returns why a file of the kickstart folder cannot be filled in: better reported now than by an installer that waits at its console. */
async function kickstartProblem(
  { plan, kickstart }: Pick<PlaneContext, 'plan' | 'kickstart'>,
  node: string,
): Promise<string | undefined> {
  const answer = plan(node);
  if ('refused' in answer) return undefined;
  const { install, ignition } = answer.plan;
  for (const file of [install?.kickstart, ignition]) {
    if (!file) continue;
    try {
      const text = await kickstart(answer.plan, '0'.repeat(32), file);
      const problem = file === ignition ? ignitionProblem(text) : undefined;
      if (problem !== undefined) return `${file} ${problem}`;
    } catch (error) {
      return reasonOf(error).split('\n')[0];
    }
  }
  return undefined;
}
