// What an installer fetches in its session: its answers (kickstart, preseed, cloud-init's seed) and its image; and the report of
// its end.
import { reasonOf } from '../../errors.ts';
import { printable } from '../../printable.ts';
import { planned } from './files.ts';
import { type Answer, type Question, refuse, say } from './question.ts';
import type { Admitted } from './who.ts';

export const OK = say('ok\n', { noStore: true });

export async function answers(asked: Admitted['session']): Promise<Answer> {
  const { plan } = asked;
  const file = plan.install?.kickstart;
  if (!file) return refuse(404, `a boot of ${plan.bootConfig.name} as ${plan.style} has no kickstart file`);
  return filled(asked, file, `the installer fetched ${file}${marksOf(asked.question)}`);
}

/** The node's Ignition configuration (Ignition specification 3.x): JSON. */
export async function ignition(asked: Admitted['session']): Promise<Answer> {
  const file = asked.plan.ignition;
  if (!file) return refuse(404, 'the node has no _ignition');
  return filled(
    asked,
    file,
    `the node fetched its Ignition configuration ${file}`,
    'application/vnd.coreos.ignition+json',
  );
}

/** Returns a file filled in for the node; what is wrong with it is on the timeline. */
async function filled(
  { question, context, plan, session }: Admitted['session'],
  file: string,
  detail: string,
  type?: string,
): Promise<Answer> {
  const about = { stage: 'initramfs', session, peer: question.ip } as const;
  try {
    const text = await context.kickstart(plan, session, file);
    const problem = file === plan.ignition ? ignitionProblem(text) : undefined;
    if (problem !== undefined) throw new Error(`${file} ${problem}`);
    return say(text, { noStore: true, ...(type && { type }), effects: [{ do: 'note', note: { ...about, detail } }] });
  } catch (error) {
    const reason = reasonOf(error);
    return refuse(500, reason, [
      { do: 'note', note: { ...about, file: 'answers', error: reason, fault: 'bad-answers' } },
      { do: 'log', level: 'error', more: { node: plan.node.name }, text: `${file} cannot be filled in: ${reason}` },
    ]);
  }
}

/** Returns why a text is no Ignition configuration, as a clause; undefined when it may be one. */
export function ignitionProblem(text: string): string | undefined {
  try {
    const config: unknown = JSON.parse(text);
    const version = (config as { ignition?: { version?: unknown } } | null)?.ignition?.version;
    if (typeof version === 'string' && /^\d+\.\d+\.\d+/.test(version)) return undefined;
    return 'is no Ignition configuration: it has no ignition.version, such as "3.3.0"';
  } catch {
    // The parser's words would repeat a part of the file
    return "is no JSON: `butane` turns Butane's YAML into it, and `jq . FILE` finds the place";
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
