// Why a node boots what it boots: its effective attributes with their sources, its plan, and sentences about both.
import type { Explained, Inherited } from '../api/nodes.ts';
import type { BootPlan, InstallPlan } from '../boot/boot-plan.ts';
import { handingOf, kernelLine, type Plane } from '../boot/command-line.ts';
import { planBoot } from '../boot/plan.ts';
import { effectiveAttributes, isTrue } from '../model/attributes.ts';
import type { Cluster, Entry } from '../model/cluster.ts';
import { maskAttribute, maskText } from '../model/secrets.ts';

/** Placeholder for the id of a session that does not exist yet. */
const SESSION = 'SESSION';

/** @param plane the boot plane as the node sees it; @param open whether to show secrets */
export function explain(cluster: Cluster, node: Entry<'node'>, plane: Plane, open = false): Explained {
  const held = effectiveAttributes(cluster, node.value);
  const attributes = open ? held : masked(cluster, held);
  const answer = planBoot(cluster, node, plane);
  const plan = 'refused' in answer || open ? answer : { plan: maskedPlan(cluster, answer.plan) };
  const own = open ? node.value.cmdline : maskText(cluster, 'node', 'cmdline', node.value.cmdline);
  const ignored = attributes.get('_no_boot');
  const words = [
    ...(ignored && isTrue(ignored.value)
      ? [`DHCP does not answer it: _no_boot=${ignored.value} (${ignored.source}).`]
      : []),
    ...('plan' in plan ? planWords(plan.plan, own, attributes, plane) : [`It boots nothing: ${plan.refused}.`]),
  ];
  const what = 'plan' in plan ? plan : { refusal: plan.refused };
  return { uid: node.uid, name: node.value.name, attributes: Object.fromEntries(attributes), ...what, words };
}

/** Hides what the fields of its objects hide. */
function maskedPlan(cluster: Cluster, plan: BootPlan): BootPlan {
  const { cmdline, install, sanboot } = plan;
  const repo = install?.repo && { ...install.repo, url: maskText(cluster, 'repo', 'urls', install.repo.url) };
  return {
    ...plan,
    cmdline: maskText(cluster, 'boot', 'cmdline', cmdline),
    ...(install && { install: { ...install, ...(repo && { repo }) } }),
    ...(sanboot &&
      'words' in sanboot && { sanboot: { ...sanboot, words: maskAttribute(cluster, '_ipxe_sanboot', sanboot.words) } }),
  };
}

function planWords(plan: BootPlan, ownCmdline: string, attributes: Map<string, Inherited>, plane: Plane): string[] {
  const { bootConfig, image, style } = plan;
  const config = attributes.get('_boot_config');
  const release = bootConfig.release ? `, kernel ${bootConfig.release}` : '';
  const words = [
    `It boots ${bootConfig.name}${release}, because _boot_config=${config?.value ?? ''} (${bootConfig.source})${hidden(config)}.`,
    `Its boot style is ${style} (${plan.styleSource})${hidden(attributes.get('_boot_style'))}.`,
  ];
  if (plan.install) words.push(...installWords(plan.install));
  if (plan.once) words.push(`This holds for one boot only: that boot clears _boot_once=${plan.once}.`);
  if (image) words.push(`Its root is the image ${image.name}: ${image.size} bytes packed, ${image.unpacked} unpacked.`);
  if (image && style !== 'rwram') words.push(`The root is writable through ${plan.rwLayer}.`);
  const own = ownCmdline ? `, where '${ownCmdline}' of the node follows the boot config's` : '';
  const line = kernelLine(plan, handingOf(attributes.get('_boot_loader')?.value, plane, SESSION));
  if (plan.kernel && 'text' in line) words.push(`Its kernel command line is '${line.text}'${own}.`);
  return words;
}

function installWords({ kind, repo, kickstart }: InstallPlan): string[] {
  const tree = repo ? `the repo ${repo.name}${repo.iso ? '' : ', which has no ISO image'}` : 'no repo';
  const answers = kickstart ? `the answers are ${kickstart}` : 'you answer its questions at the console';
  return [`The installer is ${kind}, its tree is ${tree}, and ${answers}.`];
}

function masked(cluster: Cluster, attributes: ReadonlyMap<string, Inherited>): Map<string, Inherited> {
  return new Map(
    Array.from(attributes, ([name, { source, value, shadows }]) => {
      const shown = (text: string): string => maskAttribute(cluster, name, text);
      return [
        name,
        { source, value: shown(value), shadows: shadows.map(one => ({ ...one, value: shown(one.value) })) },
      ];
    }),
  );
}

function hidden(attribute: Inherited | undefined): string {
  const shadows = attribute?.shadows ?? [];
  if (shadows.length === 0) return '';
  return `, which hides ${shadows.map(({ value, source }) => `${value} of ${source}`).join(' and ')}`;
}
