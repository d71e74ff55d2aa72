// What an installer fetches in its session: its answers (kickstart, preseed, cloud-init's seed) and its image; and the report of
// its end.
import { reasonOf } from '../../errors.ts';
import { printable } from '../../printable.ts';
import { planned } from './files.ts';
import { type Answer, type Question, refuse, say } from './question.ts';
import type { Admitted } from './who.ts';

export const OK = say('ok\n', { noStore: true });

export async function answers({ question, context, plan, session }: Admitted['session']): Promise<Answer> {
  const file = plan.install?.kickstart;
  if (!file) return refuse(404, `a boot of ${plan.bootConfig.name} as ${plan.style} has no kickstart file`);
  const about = { stage: 'initramfs', session, peer: question.ip } as const;
  try {
    const detail = `the installer fetched ${file}${marksOf(question)}`;
    const text = await context.kickstart(plan, session);
    return say(text, { noStore: true, effects: [{ do: 'note', note: { ...about, detail } }] });
  } catch (error) {
    const reason = reasonOf(error);
    return refuse(500, reason, [
      { do: 'note', note: { ...about, file: 'answers', error: reason, fault: 'bad-answers' } },
      { do: 'log', level: 'error', more: { node: plan.node.name }, text: `no kickstart: ${reason}` },
    ]);
  }
}

export function metaData({ plan, boot }: Admitted['session']): Answer {
  return say(`instance-id: muster-${boot.id}\nlocal-hostname: ${plan.node.hostname}\n`, { noStore: true });
}

export function isoImage({ question, context, plan, session }: Admitted['session']): Answer {
  const iso = plan.install?.repo?.iso;
  if (!iso) return refuse(404, `a boot as ${plan.style} has no ISO image`);
  const file = { ...iso, offset: 0, sha256: iso.blob };
  return planned(context, question, { kind: 'iso', name: 'ISO image', stage: 'image', whose: { session }, file });
}

export function installed({ question, plan, boot }: Admitted['session']): Answer {
  if (!plan.install) return refuse(404, `a boot as ${plan.style} installs nothing`);
  const { name } = plan.node;
  return {
    ...OK,
    effects: [
      { do: 'installed', boot, ip: question.ip },
      { do: 'log', level: 'info', more: { node: name, boot: boot.id }, text: `${name} is installed` },
    ],
  };
}

/** What Anaconda says about itself and its interfaces (`inst.ks.sendmac`), for the timeline: text from a node, so cut and cleaned. */
function marksOf({ header }: Question): string {
  const names = ['x-anaconda-system-release', 'x-anaconda-architecture', 'x-rhn-provisioning-mac-0'];
  const words = names.flatMap(name => header?.(name) ?? []).map(word => printable(word, 60));
  return words.length === 0 ? '' : ` (${words.join(', ')})`;
}
