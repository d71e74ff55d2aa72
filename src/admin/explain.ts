// Why a node boots what it boots: its effective attributes with their sources, its plan, and both in sentences.
import { planBoot } from '../boot/plan.ts';
import { STYLES } from '../boot/styles/style.ts';
import { effectiveAttributes, isTrue } from '../model/attributes.ts';
import type { Cluster, Entry } from '../model/cluster.ts';
import { isSecretName, MASK } from '../model/secrets.ts';
import type { BootPlan, Explained, Inherited } from './contract.ts';

/** @param open whether secrets are shown too */
export function explain(cluster: Cluster, node: Entry<'node'>, open = false): Explained {
  const attributes = effectiveAttributes(cluster, node.value);
  const answer = planBoot(cluster, node);
  const ignored = attributes.get('_no_boot');
  const words = [
    ...(ignored && isTrue(ignored.value)
      ? [`DHCP does not answer it: _no_boot=${ignored.value} (${ignored.source}).`]
      : []),
    ...('plan' in answer ? planWords(answer.plan, node, attributes) : [`It boots nothing: ${answer.refusal}.`]),
  ];
  const shown = Array.from(attributes, ([name, value]) => [name, open || !isSecretName(name) ? value : masked(value)]);
  return { uid: node.uid, name: node.value.name, attributes: Object.fromEntries(shown), ...answer, words };
}

function planWords(plan: BootPlan, node: Entry<'node'>, attributes: Map<string, Inherited>): string[] {
  const { bootConfig, image, style } = plan;
  const config = attributes.get('_boot_config');
  const release = bootConfig.release ? `, kernel ${bootConfig.release}` : '';
  const words = [
    `It boots ${bootConfig.name}${release}, because _boot_config=${config?.value ?? ''} (${bootConfig.source})${hidden(config)}.`,
    `Its boot style is ${style} (${plan.styleSource})${hidden(attributes.get('_boot_style'))}.`,
  ];
  if (image) words.push(`Its root is the image ${image.name}: ${image.size} bytes, ${image.unpacked} unpacked.`);
  if (image && style !== 'rwram') words.push(`The root is writable by ${plan.rwLayer}.`);
  const own = node.value.cmdline ? `, with '${node.value.cmdline}' of the node behind the boot config's` : '';
  words.push(`Its kernel command line is '${plan.cmdline}'${own}.`);
  if (!STYLES[style]) words.push(`This muster has no script for ${style}.`);
  return words;
}

function masked({ source, shadows }: Inherited): Inherited {
  return { value: MASK, source, shadows: shadows.map(shadow => ({ source: shadow.source, value: MASK })) };
}

function hidden(attribute: Inherited | undefined): string {
  const shadows = attribute?.shadows ?? [];
  if (shadows.length === 0) return '';
  return `, which hides ${shadows.map(({ value, source }) => `${value} of ${source}`).join(' and ')}`;
}
