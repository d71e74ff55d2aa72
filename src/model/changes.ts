// What a command would change, decided on the objects of now: a list of changes for one atomic commit, or a refusal.
import { MusterError } from '../errors.ts';
import type { Subnet } from '../wire/ip.ts';
import { attributeProblem } from './attributes.ts';
import type { Cluster, Entry } from './cluster.ts';
import { type Input, readFields } from './fields.ts';
import { fieldsOf, KINDS, type Kind, type Value } from './kinds.ts';
import { NodePlacer } from './placement.ts';
import { dropReferences, followRename, usersOf } from './references.ts';

/** The new state of one object; null deletes it. `expected` is the revision that was read, 0 for a new object. */
export interface Change {
  kind: Kind;
  uid: string;
  expected: number;
  value: Value | null;
}

export interface Plan {
  changes: Change[];
  /** The objects the command named, in order. */
  uids: string[];
}

export interface ChangeContext {
  cluster: Cluster;
  /** The boot network, for addresses of new nodes. */
  network: Subnet;
  newUid(): string;
}

/** New objects, all or none. `fixed` are fields that the caller made itself (stored files, release), by position. */
export function planCreate(
  context: ChangeContext,
  kind: Kind,
  inputs: readonly Input[],
  fixed: readonly Input[] = [],
): Plan {
  const { cluster } = context;
  const placer = kind === 'node' ? new NodePlacer(cluster, context.network) : undefined;
  const names = new Set<string>();
  const changes = inputs.map((input, position): Change => {
    const given = { ...readFields(cluster, kind, input), ...fixed[position] };
    for (const row of fieldsOf(kind)) {
      if (row.meta.required && given[row.name] === undefined) {
        throw new MusterError('bad-value', `A new ${KINDS[kind].label} needs ${row.name}=…: ${row.meaning}.`);
      }
    }
    const complete = placer ? placer.place(given) : given;
    const value = KINDS[kind].schema.parse(complete) as Value;
    if (names.has(value.name) || cluster.byName(kind, value.name)) throw duplicate(kind, 'name', value.name);
    names.add(value.name);
    return { kind, uid: context.newUid(), expected: 0, value };
  });
  return { changes, uids: changes.map(change => change.uid) };
}

/** New field values for existing objects, all or none. `fixed` as for `planCreate`, for every object. */
export function planUpdate(
  context: ChangeContext,
  kind: Kind,
  entries: readonly Entry[],
  input: Input,
  fixed: Input = {},
): Plan {
  const { cluster } = context;
  const fields = { ...readFields(cluster, kind, input), ...fixed };
  const changes = new Map<string, Change>();
  const placer = kind === 'node' ? new NodePlacer(cluster, context.network) : undefined;
  for (const entry of entries) {
    refuseFrozen(entry, Object.keys(fields));
    const merged = { ...entry.value, ...fields };
    const value = placer ? placer.move(entry as unknown as Entry<'node'>, fields) : (merged as Value);
    if (value.name !== entry.value.name) {
      if (entries.length > 1 || cluster.byName(kind, value.name)) throw duplicate(kind, 'name', value.name);
      for (const change of followRename(cluster, entry, value.name)) changes.set(change.uid, change);
    }
    changes.set(entry.uid, { kind, uid: entry.uid, expected: entry.revision, value });
  }
  return { changes: changed(cluster, [...changes.values()]), uids: entries.map(entry => entry.uid) };
}

/** `set` and `clear`: attributes of nodes or groups; a value of null clears. */
export function planAttributes(
  cluster: Cluster,
  kind: Kind,
  entries: readonly Entry[],
  given: Record<string, string | null>,
): Plan {
  for (const [name, value] of Object.entries(given)) {
    const problem = value === null ? undefined : attributeProblem(name, value, cluster);
    if (problem) throw new MusterError(name.startsWith('_') ? 'bad-value' : 'unknown-attribute', `${problem}.`);
  }
  const changes = entries.map((entry): Change => {
    if (!('attributes' in entry.value)) {
      throw new MusterError('bad-usage', `A ${KINDS[kind].label} has no attributes; nodes and attribute groups have.`);
    }
    const attributes = { ...entry.value.attributes };
    for (const [name, value] of Object.entries(given)) {
      if (value === null) delete attributes[name];
      else attributes[name] = value;
    }
    return { kind, uid: entry.uid, expected: entry.revision, value: { ...entry.value, attributes } };
  });
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
  return { changes: changed(cluster, changes), uids: nodes.map(entry => entry.uid) };
}

/** A copy under a new name; never frozen, and an image remembers its parent. */
export function planClone(context: ChangeContext, entry: Entry, input: Input): Plan {
  const { cluster } = context;
  if (entry.kind === 'node' || entry.kind === 'cluster') {
    throw new MusterError('bad-usage', `A ${KINDS[entry.kind].label} cannot be cloned; create one.`);
  }
  const fields = readFields(cluster, entry.kind, input);
  const name = String(fields['name'] ?? `${entry.value.name}_clone`);
  if (cluster.byName(entry.kind, name)) throw duplicate(entry.kind, 'name', name);
  const own = {
    name,
    ...('frozen' in entry.value && { frozen: false }),
    ...(entry.kind === 'image' && { parent: entry.uid }),
  };
  const value = { ...entry.value, ...own, ...fields } as Value;
  const uid = context.newUid();
  return { changes: [{ kind: entry.kind, uid, expected: 0, value }], uids: [uid] };
}

/** Deletes objects, all or none; what others still use is refused with their names, unless forced. */
export function planDelete(cluster: Cluster, entries: readonly Entry[], force: boolean): Plan & { broken: string[] } {
  const gone = new Set(entries.map(entry => entry.uid));
  const changes = new Map<string, Change>();
  const broken: string[] = [];
  for (const entry of entries) {
    if (entry.kind === 'cluster') throw new MusterError('bad-usage', 'The cluster settings cannot be deleted.');
    refuseFrozen(entry, []);
    const users = usersOf(cluster, entry).filter(user => !gone.has(user.uid));
    if (users.length > 0 && !force) throw inUse(entry, users);
    broken.push(...users.map(user => `${KINDS[user.kind].label} ${user.value.name} loses ${entry.value.name}`));
    for (const user of users) {
      const before = changes.get(user.uid)?.value ?? user.value;
      changes.set(user.uid, {
        kind: user.kind,
        uid: user.uid,
        expected: user.revision,
        value: dropReferences(user, before, entry),
      });
    }
    changes.set(entry.uid, { kind: entry.kind, uid: entry.uid, expected: entry.revision, value: null });
    if (entry.uid === cluster.settings?.default_group) withoutDefaultGroup(cluster, changes);
  }
  return { changes: [...changes.values()], uids: [...gone], broken };
}

/** The default group may be deleted (the specification's way to recreate the defaults); the setting goes with it. */
function withoutDefaultGroup(cluster: Cluster, changes: Map<string, Change>): void {
  const settings = cluster.byName('cluster', 'cluster');
  if (!settings) return;
  const value = { ...settings.value, default_group: '' };
  changes.set(settings.uid, { kind: 'cluster', uid: settings.uid, expected: settings.revision, value });
}

/** Drops changes that change nothing, so that a repeated command leaves no trace in the audit trail. */
function changed(cluster: Cluster, changes: readonly Change[]): Change[] {
  return changes.filter(change => JSON.stringify(cluster.any(change.uid)?.value) !== JSON.stringify(change.value));
}

function refuseFrozen(entry: Entry, fields: readonly string[]): void {
  if (!('frozen' in entry.value) || !entry.value.frozen) return;
  // Only `frozen` itself may be changed, and alone: an update that thaws and changes at once is refused too.
  if (fields.length === 1 && fields[0] === 'frozen') return;
  const label = KINDS[entry.kind].label;
  throw new MusterError('frozen', `The ${label} ${entry.value.name} is frozen; 'update frozen=false' first.`);
}

function inUse(entry: Entry, users: readonly Entry[]): MusterError {
  const names = users.slice(0, 8).map(user => `${KINDS[user.kind].label} ${user.value.name}`);
  const more = users.length > 8 ? ` and ${users.length - 8} more` : '';
  const label = KINDS[entry.kind].label;
  const text = `The ${label} ${entry.value.name} is used by ${names.join(', ')}${more}; change those first, or delete with --force.`;
  return new MusterError('in-use', text);
}

function duplicate(kind: Kind, field: string, value: string): MusterError {
  return new MusterError(
    'duplicate',
    `There is a ${KINDS[kind].label} with ${field} ${value} already; nothing was changed.`,
  );
}
