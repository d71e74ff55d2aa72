// What refers to an object: by UID in a field, or by name in the attribute `_boot_config`.
import type { Change } from './change.ts';
import type { Cluster, Entry } from './cluster.ts';
import { fieldsOf, KIND_NAMES, type Value } from './kinds.ts';

/** The fields of each kind that hold UIDs of objects in use. History does not count as use: it keeps the UID of a deleted object. */
const REFERENCES = KIND_NAMES.map(kind => ({
  kind,
  fields: fieldsOf(kind).flatMap(({ name, meta }) =>
    meta.refers && !meta.history ? [{ name, refers: meta.refers }] : [],
  ),
}));

/** Returns the objects that would lose something with this one. The settings do not count as a user. */
export function usersOf(cluster: Cluster, entry: Entry): Entry[] {
  return REFERENCES.flatMap(({ kind, fields }) => {
    if (kind === 'cluster') return [];
    const names = fields.flatMap(({ name, refers }) => (refers === entry.kind ? [name] : []));
    // Nothing refers to a node: deleting thousands of them must not check thousands of objects each.
    if (names.length === 0 && entry.kind !== 'boot') return [];
    return cluster.all(kind).filter(user => {
      const value = user.value as Record<string, unknown>;
      return names.some(name => holds(value[name], entry.uid)) || namesInAttributes(user, entry);
    });
  });
}

/** Returns the user's value without its references to the object. */
export function dropReferences(user: Entry, before: Value, entry: Entry): Value {
  const value: Record<string, unknown> = { ...before };
  for (const { name, refers } of REFERENCES.find(row => row.kind === user.kind)?.fields ?? []) {
    if (refers !== entry.kind) continue;
    const held = value[name];
    if (Array.isArray(held)) value[name] = held.filter(uid => uid !== entry.uid);
    else if (held === entry.uid) value[name] = '';
  }
  if (namesInAttributes(user, entry)) {
    const { _boot_config: _gone, ...attributes } = value['attributes'] as Record<string, string>;
    value['attributes'] = attributes;
  }
  return value as Value;
}

/** A renamed boot config keeps its nodes: the attributes that name it take the new name in the same commit. */
export function followRename(cluster: Cluster, entry: Entry, name: string): Change[] {
  if (entry.kind !== 'boot') return [];
  return (['node', 'attrib'] as const)
    .flatMap((kind): readonly Entry[] => cluster.all(kind))
    .filter(user => bootConfigOf(user) === entry.value.name)
    .map(user => ({
      kind: user.kind,
      uid: user.uid,
      expected: user.revision,
      value: { ...user.value, attributes: { ...attributesOf(user), _boot_config: name } } as Value,
    }));
}

function namesInAttributes(user: Entry, entry: Entry): boolean {
  if (entry.kind !== 'boot') return false;
  const named = bootConfigOf(user);
  return named !== undefined && (named === entry.value.name || named === entry.uid);
}

function bootConfigOf(user: Entry): string | undefined {
  return attributesOf(user)?.['_boot_config'];
}

function attributesOf(user: Entry): Record<string, string> | undefined {
  return 'attributes' in user.value ? user.value.attributes : undefined;
}

function holds(field: unknown, uid: string): boolean {
  return Array.isArray(field) ? field.includes(uid) : field === uid;
}
