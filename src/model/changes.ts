// What a command would change, decided on the current objects: a list of changes for one atomic commit, or a refusal.
import { MusterError } from '../errors.ts';
import { hasMaskedLogin, MASK, maskPassword, maskUrls } from '../masking.ts';
import { attributeProblem } from './attributes.ts';
import type { Change, ChangeContext, Plan } from './change.ts';
import type { Cluster, Entry } from './cluster.ts';
import { type Input, missingField, readAllFields, readFields } from './fields.ts';
import { refuseFrozen } from './frozen.ts';
import { refuseInheritedClashes } from './inherited-addresses.ts';
import { withIsoUrls } from './iso-urls.ts';
import { fieldsOf, KINDS, type Kind, oneOf, oneOfCapital, type Value } from './kinds.ts';
import { NodePlacer } from './placement.ts';
import { followRename } from './references.ts';
import { isSecretAttribute, maskAttribute } from './secrets.ts';
import { refuseSharedAddresses } from './shared-addresses.ts';

export type { Change, ChangeContext, Plan };

/** Plans new objects, all or none. `fixed` are fields set by the caller (stored files, release), by position. */
export function planCreate(
  context: ChangeContext,
  kind: Kind,
  inputs: readonly Input[],
  fixed: readonly Input[] = [],
): Plan {
  const { cluster } = context;
  const placer = kind === 'node' ? new NodePlacer(context) : undefined;
  const names = new Set<string>();
  const changes = inputs.map((input, position): Change => {
    const given: Record<string, unknown> = { ...readFields(cluster, kind, input), ...fixed[position] };
    refuseMasked(cluster, kind, given, undefined);
    for (const { name, meta } of fieldsOf(kind))
      if (meta.required && given[name] === undefined) throw missingField(kind, name);
    const complete = placer ? placer.place(given) : given;
    const value = withIsoUrls(kind, KINDS[kind].schema.parse(complete) as Value);
    if (names.has(value.name) || cluster.byName(kind, value.name)) throw duplicate(kind, 'name', value.name);
    names.add(value.name);
    return { kind, uid: context.newUid(), expected: 0, value };
  });
  refuseSharedAddresses(cluster, changes, context);
  return { changes, uids: changes.map(change => change.uid) };
}

/** Plans new field values for existing objects, all or none. `fixed` as for `planCreate`, for every object. */
export function planUpdate(
  context: ChangeContext,
  kind: Kind,
  entries: readonly Entry[],
  input: Input,
  fixed: Input = {},
): Plan {
  return planFields(context, kind, entries, { ...readFields(context.cluster, kind, input), ...fixed });
}

/** As an update of every field: missing ones take their defaults. Values assigned by muster, and stored files, stay. */
export function planReplace(
  context: ChangeContext,
  kind: Kind,
  entries: readonly Entry[],
  input: Input,
  fixed: Input = {},
): Plan {
  const fields: Record<string, unknown> = { ...readAllFields(context.cluster, kind, input), ...fixed };
  if (kind === 'node' && input['naming_pool'] === undefined) delete fields['naming_pool'];
  return planFields(context, kind, entries, fields);
}

function planFields(
  context: ChangeContext,
  kind: Kind,
  entries: readonly Entry[],
  given: Record<string, unknown>,
): Plan {
  const { cluster } = context;
  const changes = new Map<string, Change>();
  const placer = kind === 'node' ? new NodePlacer(context) : undefined;
  for (const entry of entries) {
    refuseFrozen(entry, Object.keys(given));
    const fields = refuseMasked(cluster, kind, given, entry);
    const value = placer
      ? placer.move(entry as unknown as Entry<'node'>, fields)
      : withIsoUrls(kind, { ...entry.value, ...fields } as Value, entry.value);
    if (value.name !== entry.value.name) {
      if (entries.length > 1 || cluster.byName(kind, value.name)) throw duplicate(kind, 'name', value.name);
      for (const change of followRename(cluster, entry, value.name)) changes.set(change.uid, change);
    }
    changes.set(entry.uid, { kind, uid: entry.uid, expected: entry.revision, value });
  }
  refuseSharedAddresses(cluster, [...changes.values()], context);
  return { changes: changed(cluster, [...changes.values()]), uids: entries.map(entry => entry.uid) };
}

/** A masked value means the stored one; stars never replace a password. */
function refuseMasked(
  cluster: Cluster,
  kind: Kind,
  fields: Record<string, unknown>,
  entry: Entry | undefined,
): Record<string, unknown> {
  const result = { ...fields };
  for (const { name, meta } of fieldsOf(kind)) {
    if (!meta.secret || result[name] === undefined) continue;
    const stored = (entry?.value as Record<string, unknown> | undefined)?.[name];
    result[name] = UNMASK[meta.secret](cluster, name, result[name], stored);
  }
  return result;
}

const UNMASK = { uri: unmaskUri, urls: unmaskUrls, names: unmaskNames };

function unmaskNames(cluster: Cluster, _name: string, given: unknown, stored: unknown): unknown {
  if (typeof given !== 'object' || given === null) return given;
  const known = (stored ?? {}) as Record<string, unknown>;
  const kept = Object.entries(given).map(([name, value]) => {
    const isMasked = value === MASK ? isSecretAttribute(cluster, name) : hasMaskedLogin(String(value));
    if (!isMasked) return [name, value];
    if (Object.hasOwn(known, name) && maskAttribute(cluster, name, String(known[name])) === value)
      return [name, known[name]];
    throw new MusterError('bad-value', `attribute '${name}' has stars for its value; give the value itself.`);
  });
  return Object.fromEntries(kept);
}

/** A text with stars, or an item of a list, is a stored one. */
function unmaskUrls(_cluster: Cluster, name: string, given: unknown, stored: unknown): unknown {
  const known = [stored ?? []].flat().map(String);
  return Array.isArray(given) ? given.map(item => unmaskUrl(name, item, known)) : unmaskUrl(name, given, known);
}

function unmaskUrl(name: string, given: unknown, known: readonly string[]): unknown {
  if (typeof given !== 'string' || !hasMaskedLogin(given)) return given;
  const own = known.find(one => maskUrls(one) === given);
  if (own !== undefined) return own;
  throw new MusterError('bad-value', `${name}='${given}' has stars for a password; give the password itself.`);
}

function unmaskUri(_cluster: Cluster, name: string, given: unknown, stored: unknown): unknown {
  if (typeof given !== 'string' || !given.includes(MASK)) return given;
  if (typeof stored === 'string' && stored !== '' && maskPassword(stored) === given) return stored;
  throw new MusterError(
    'bad-value',
    `${name}='${maskPassword(given)}' has stars for a password; give the password itself.`,
  );
}

/** `set` and `clear`: attributes of nodes or groups; a null value clears. */
export function planAttributes(
  context: Pick<ChangeContext, 'cluster' | 'networks' | 'usedBy'>,
  kind: Kind,
  entries: readonly Entry[],
  given: Record<string, string | null>,
): Plan {
  const { cluster } = context;
  for (const [name, value] of Object.entries(given)) {
    const problem = value === null ? undefined : attributeProblem(name, value, cluster, kind);
    if (problem) throw problem;
  }
  const changes = entries.map((entry): Change => {
    if (!('attributes' in entry.value)) {
      throw new MusterError('bad-usage', `${oneOfCapital(kind)} has no attributes; nodes and attribute groups have.`);
    }
    const attributes = { ...entry.value.attributes };
    for (const [name, value] of Object.entries(given)) {
      if (value === null) delete attributes[name];
      else attributes[name] = value;
    }
    const value = { ...entry.value, ...refuseMasked(cluster, kind, { attributes }, entry) } as Value;
    return { kind, uid: entry.uid, expected: entry.revision, value };
  });
  refuseSharedAddresses(cluster, changes, context);
  return { changes: changed(cluster, changes), uids: entries.map(entry => entry.uid) };
}

/** `join` and `leave`: the node's list of groups, in order; joining a group again moves nothing. */
export function planGroups(
  cluster: Cluster,
  nodes: readonly Entry<'node'>[],
  groups: readonly Entry<'attrib'>[],
  joins: boolean,
): Plan {
  const uids = groups.map(group => group.uid);
  const changes = nodes.map((entry): Change => {
    const kept = joins ? entry.value.groups : entry.value.groups.filter(uid => !uids.includes(uid));
    const added = joins ? uids.filter(uid => !kept.includes(uid)) : [];
    return {
      kind: 'node',
      uid: entry.uid,
      expected: entry.revision,
      value: { ...entry.value, groups: [...kept, ...added] },
    };
  });
  refuseInheritedClashes(cluster, changes, {});
  return { changes: changed(cluster, changes), uids: nodes.map(entry => entry.uid) };
}

/** Plans a copy under a new name; never frozen; images and file sets remember their parent. */
export function planClone(context: ChangeContext, entry: Entry, input: Input): Plan {
  const { cluster } = context;
  if (entry.kind === 'node' || entry.kind === 'cluster' || entry.kind === 'head') {
    throw new MusterError('bad-usage', `${oneOfCapital(entry.kind)} cannot be cloned; create one.`);
  }
  const fields = readFields(cluster, entry.kind, input);
  const name = String(fields['name'] ?? cloneName(cluster, entry));
  if (cluster.byName(entry.kind, name)) throw duplicate(entry.kind, 'name', name);
  const own = {
    name,
    ...('frozen' in entry.value && { frozen: false }),
    ...historyOf(entry),
  };
  const parsed = KINDS[entry.kind].schema.parse({ ...entry.value, ...own, ...fields }) as Value;
  const value = withIsoUrls(entry.kind, parsed, entry.value);
  const uid = context.newUid();
  return { changes: [{ kind: entry.kind, uid, expected: 0, value }], uids: [uid] };
}

/** Returns the history of a copy: where it comes from, and no earlier contents. */
function historyOf({ kind, uid }: Entry): Record<string, string | readonly []> {
  const fields = fieldsOf(kind).flatMap(({ name, meta }): [string, string | readonly []][] => {
    if (meta.keeps) return [[name, []]];
    return meta.history && meta.refers === kind ? [[name, uid]] : [];
  });
  return Object.fromEntries(fields);
}

/** `X_clone`, `X_clone2`, …: the first free name, within the length of a name. */
function cloneName(cluster: Cluster, entry: Entry): string {
  for (let count = 1; ; count += 1) {
    const ending = count === 1 ? '_clone' : `_clone${count}`;
    const name = entry.value.name.slice(0, 63 - ending.length) + ending;
    if (!cluster.byName(entry.kind, name)) return name;
  }
}

/** Drops changes that change nothing, so that a repeated command leaves no trace in the audit trail. */
function changed(cluster: Cluster, changes: readonly Change[]): Change[] {
  return changes.filter(change => JSON.stringify(cluster.any(change.uid)?.value) !== JSON.stringify(change.value));
}

function duplicate(kind: Kind, field: string, value: string): MusterError {
  return new MusterError('duplicate', `There is ${oneOf(kind)} with ${field} ${value} already; nothing was changed.`);
}
