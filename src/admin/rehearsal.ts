// What musterd would answer to a boot now, and after an update that is only tried, on a private copy of the objects.
import type { Firmware, Rehearsal, RehearsedStage, Update } from '../api/rehearsal.ts';
import { planBoot } from '../boot/plan.ts';
import { MusterError } from '../errors.ts';
import { lineDifferences } from '../files/line-differences.ts';
import { attributeProblem, effectiveAttributes, isTrue } from '../model/attributes.ts';
import { type ChangeContext, planAttributes, planUpdate } from '../model/changes.ts';
import type { Cluster, Entry } from '../model/cluster.ts';
import { fieldsOf, fileFields, type Kind } from '../model/kinds.ts';
import { maskAttribute, maskText } from '../model/secrets.ts';
import { selectOne } from '../model/select.ts';
import { copyOf, tryPlan } from '../model/what-if.ts';
import { didYouMean } from '../nearest.ts';
import { fileChanges } from './file-preview.ts';
import type { AdminPorts } from './ports.ts';

export async function rehearsalOf(
  ports: AdminPorts,
  whose: { mac: string; node?: Entry<'node'> },
  asked: { firmware?: Firmware | undefined; network?: string | undefined; update: Update },
): Promise<Rehearsal> {
  const { cluster, rehearsal } = ports;
  const { mac, node } = whose;
  const last = node && rehearsal.lastFirmware(node.uid);
  const firmware = asked.firmware ?? last ?? 'efi64';
  const { network } = asked;
  const question = { mac, firmware, ...(network !== undefined && { network }), ...(node && { uid: node.uid }) };
  const stages = await rehearsal.run(cluster, question);
  const remarks = [...whence(ports, node, network), ...remarksOf(ports, whose, stages)];
  const isTrying = Object.keys(asked.update).length > 0;
  const changed = isTrying ? await tried(ports, node, asked.update) : undefined;
  const moved = node && changed?.get('node', node.uid);
  const after = changed && (await rehearsal.run(changed, { ...question, mac: moved?.value.mac ?? mac }));
  return {
    ...(node && { uid: node.uid, name: node.value.name }),
    mac,
    firmware,
    ...(asked.firmware === undefined && {
      assumed: last ? 'as in its last boot' : 'no boot of it was seen; --arch chooses another',
    }),
    remarks,
    stages,
    ...(after && { update: toldUpdate(ports.cluster, asked.update), after, differences: differencesOf(stages, after) }),
    ...(node && changed && { files: await fileChanges(ports.nodeFiles, node, { before: cluster, after: changed }) }),
  };
}

/** Returns the network that the request is assumed to come from, if that is not obvious. */
function whence({ networks }: AdminPorts, node: Entry<'node'> | undefined, named: string | undefined): string[] {
  if (named !== undefined) return [`Its request is assumed to come from the network ${named}.`];
  const others = networks.all.filter(item => item !== networks.main).map(({ name }) => name);
  if (node || others.length === 0) return [];
  return [
    `Its request is assumed to come from the network ${networks.main.name}; --network chooses another (${others.join(', ')}).`,
  ];
}

function remarksOf(
  ports: AdminPorts,
  { mac, node }: { mac: string; node?: Entry<'node'> },
  stages: readonly RehearsedStage[],
): string[] {
  const { cluster, rehearsal } = ports;
  if (!node) {
    if (!cluster.settings?.accept_new_nodes) {
      const lent = stages.flatMap(({ packets = [] }) => packets).find(({ kind }) => kind === 'ACK')?.yiaddr;
      const fate = lent
        ? `it gets ${lent} from the range for unknown machines (or another address, if that one is in use) and boots nothing; it is listed`
        : 'it gets no answer; it is listed';
      return [
        `${mac} belongs to no node: ${fate} by 'muster node unknown'. 'muster node create mac=${mac}' makes it a node.`,
      ];
    }
    try {
      const copy = copyOf(cluster);
      const plan = rehearsal.newcomer(copy, mac);
      tryPlan(copy, plan, ports.now());
      const made = copy.get('node', plan.uids[0] ?? '')?.value;
      return [
        `accept_new_nodes is set: its first DISCOVER makes it the node ${made?.name} with ${made?.ip} and gets no answer; its next one does.`,
      ];
    } catch (error) {
      if (error instanceof MusterError)
        return [`accept_new_nodes is set, but it cannot become a node: ${error.message}`];
      throw error;
    }
  }
  const ignored = effectiveAttributes(cluster, node.value).get('_no_boot');
  return ignored && isTrue(ignored.value)
    ? [`_no_boot=${ignored.value} (${ignored.source}): DHCP does not answer it.`]
    : [];
}

/** Returns the objects with the update applied. */
async function tried(ports: AdminPorts, node: Entry<'node'> | undefined, update: Update): Promise<Cluster> {
  const copy = copyOf(ports.cluster);
  const context: ChangeContext = { ...ports.context, cluster: copy };
  const now = (): number => ports.now();
  const { groups, own, nodeFields, bootFields } = sorted(update);
  for (const [group, attributes] of groups) {
    const entry = selectOne(copy, 'attrib', group);
    refuseUnknownClears(copy, attributes, name => Object.hasOwn(entry.value.attributes, name));
    tryPlan(copy, planAttributes(context, 'attrib', [entry], attributes), now());
  }
  const whose = (): Entry<'node'> => {
    const entry = node && copy.get('node', node.uid);
    if (entry) return entry;
    throw new MusterError('bad-usage', 'An update needs a node, and this hardware address belongs to none.');
  };
  if (Object.keys(own).length > 0) {
    const entry = whose();
    const has = effectiveAttributes(copy, entry.value);
    refuseUnknownClears(copy, own, name => has.has(name));
    tryPlan(copy, planAttributes(context, 'node', [entry], own), now());
  }
  if (Object.keys(nodeFields).length > 0) tryPlan(copy, planUpdate(context, 'node', [whose()], nodeFields), now());
  if (Object.keys(bootFields).length === 0) return copy;
  const config = bootConfigOf(copy, whose());
  const { fields, fixed } = splitFiles(bootFields, now());
  tryPlan(copy, planUpdate(context, 'boot', [config], fields, fixed), now());
  return copy;
}

/** An unknown name that is set nowhere is a typing error, not "nothing would change". */
function refuseUnknownClears(
  cluster: Cluster,
  attributes: Readonly<Record<string, string | null>>,
  isSet: (name: string) => boolean,
): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null || isSet(name)) continue;
    const problem = attributeProblem(name, '', cluster);
    if (problem?.code === 'unknown-attribute') throw problem;
  }
}

/** Returns the boot config that the node would boot. */
function bootConfigOf(cluster: Cluster, node: Entry<'node'>): Entry<'boot'> {
  const wanted = effectiveAttributes(cluster, node.value).get('_boot_config')?.value;
  const config = wanted === undefined ? undefined : (cluster.byName('boot', wanted) ?? cluster.get('boot', wanted));
  if (config) return config;
  const answer = planBoot(cluster, node);
  throw new MusterError('bad-usage', `There is no boot config to update: ${'refused' in answer ? answer.refused : ''}`);
}

type Fields = Record<string, Update[string]>;

/** Names with `_` are attributes; others are fields of the boot config if it has them, else of the node. A prefix chooses. */
function sorted(update: Update) {
  const groups = new Map<string, Record<string, string | null>>();
  const own: Record<string, string | null> = {};
  const [nodeFields, bootFields]: [Fields, Fields] = [{}, {}];
  for (const [name, value] of Object.entries(update)) {
    const [, group, attribute] = /^%([^.]+)\.(.+)$/.exec(name) ?? [];
    if (group !== undefined && attribute !== undefined) {
      groups.set(group, { ...groups.get(group), [attribute]: textOf(name, value) });
      continue;
    }
    const [, prefix, rest = name] = /^(node|boot)\.(.+)$/.exec(name) ?? [];
    if (rest.startsWith('_') && prefix !== 'boot') own[rest] = textOf(name, value);
    else if (prefix === 'boot' || (prefix === undefined && has('boot', rest) && rest !== 'name'))
      bootFields[rest] = value;
    else if (prefix === 'node' || has('node', rest)) nodeFields[rest] = value;
    else throw unknownName(name);
  }
  return { groups, own, nodeFields, bootFields };
}

function has(kind: Kind, name: string): boolean {
  return fieldsOf(kind).some(row => row.name === name);
}

function unknownName(name: string): MusterError {
  const names = [...new Set([...fieldsOf('boot'), ...fieldsOf('node')].map(row => row.name))];
  const hint = didYouMean(name, names, `there are ${names.join(', ')}, and attributes such as _boot_style`);
  return new MusterError('unknown-field', `Neither a boot config nor a node has a field '${name}'; ${hint}`);
}

function textOf(name: string, value: Update[string]): string | null {
  if (typeof value === 'string' || value === null) return value;
  throw new MusterError('bad-value', `${name} is an attribute and cannot be a file.`);
}

/** Turns files into the fields of a stored file. */
function splitFiles(given: Fields, mtime: number): { fields: Fields; fixed: Record<string, unknown> } {
  const fields: Fields = {};
  const fixed: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(given)) {
    if (typeof value !== 'object' || value === null) fields[name] = value;
    else if (!fileFields('boot').includes(name))
      throw new MusterError('bad-value', `${name} of a boot config is not a file.`);
    else {
      const { release, ...file } = value;
      fixed[name] = { ...file, mtime };
      if (name === 'kernel') fixed['release'] = release ?? '';
    }
  }
  return { fields, fixed };
}

function toldUpdate(cluster: Cluster, update: Update): Record<string, string | null> {
  return Object.fromEntries(
    Object.entries(update).map(([name, value]) => {
      if (typeof value === 'object') return [name, value && `sha256 ${value.sha256}`];
      const field = name.replace(/^(?:node|boot|%[^.]+)\./, '');
      if (name.startsWith('%') || field.startsWith('_')) return [name, maskAttribute(cluster, field, value)];
      const kind = has('node', field) ? 'node' : 'boot';
      return [name, maskText(cluster, kind, field, value)];
    }),
  );
}

function differencesOf(before: readonly RehearsedStage[], after: readonly RehearsedStage[]): Rehearsal['differences'] {
  return before.flatMap((stage, index) => {
    const other = after[index];
    const lines = other ? lineDifferences(linesOf(stage), linesOf(other)) : [];
    return lines.length === 0 ? [] : [{ number: stage.number, stage: stage.stage, lines }];
  });
}

function linesOf({ result, summary, lines }: RehearsedStage): string[] {
  return [`${result}: ${summary}`, ...lines];
}
