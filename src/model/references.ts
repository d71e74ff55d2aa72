// What refers to an object: by UID in a field, or by name in the attributes `_boot_config` and `_file_sets`.
import type { Change } from './change.ts';
import type { Cluster, Entry } from './cluster.ts';
import { FILE_SETS, listNames, listWith } from './file-sets.ts';
import { fieldsOf, KIND_NAMES, type Kind, type Value } from './kinds.ts';

/** The fields of each kind that hold UIDs of objects in use. History does not count as use: it keeps the UID of a deleted object. */
const REFERENCES = KIND_NAMES.map(kind => ({
  kind,
  fields: fieldsOf(kind).flatMap(({ name, meta }) =>
    meta.refers && !meta.history ? [{ name, refers: meta.refers }] : [],
  ),
}));

interface ByName {
  attribute: string;
  names(value: string, entry: Entry): boolean;
  /** Returns the value with another name for the object, or without it; undefined when nothing is left. */
  renamed(value: string, entry: Entry, name: string | undefined): string | undefined;
}

/** The kinds that attributes of nodes and groups name. */
const BY_NAME: Partial<Record<Kind, ByName>> = {
  boot: {
    attribute: '_boot_config',
    names: (value, entry) => value === entry.value.name || value === entry.uid,
    // A UID stays right under another name.
    renamed: (value, entry, name) => (name !== undefined && value === entry.uid ? value : name),
  },
  files: {
    attribute: FILE_SETS,
    names: (value, entry) => listNames(value, entry.value.name),
    renamed: (value, entry, name) => listWith(value, entry.value.name, name),
  },
};

/** Returns the objects that would lose something with this one. The settings do not count as a user. */
export function usersOf(cluster: Cluster, entry: Entry): Entry[] {
  return REFERENCES.flatMap(({ kind, fields }) => {
    if (kind === 'cluster') return [];
    const names = fields.flatMap(({ name, refers }) => (refers === entry.kind ? [name] : []));
    // Nothing refers to a node: deleting thousands of them must not check thousands of objects each.
    if (names.length === 0 && !BY_NAME[entry.kind]) return [];
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
  if (namesInAttributes(user, entry))
    value['attributes'] = attributesWith(value['attributes'] as Record<string, string>, entry, undefined);
  return value as Value;
}

/** A renamed boot config or file set keeps its nodes: the attributes that name it take the new name in the same commit. */
export function followRename(cluster: Cluster, entry: Entry, name: string): Change[] {
  if (!BY_NAME[entry.kind]) return [];
  return (['node', 'attrib'] as const)
    .flatMap((kind): readonly Entry[] => cluster.all(kind))
    .filter(user => namesInAttributes(user, entry))
    .map(user => ({
      kind: user.kind,
      uid: user.uid,
      expected: user.revision,
      value: { ...user.value, attributes: attributesWith(attributesOf(user), entry, name) } as Value,
    }));
}

function namesInAttributes(user: Entry, entry: Entry): boolean {
  const row = BY_NAME[entry.kind];
  const value = row && attributesOf(user)[row.attribute];
  return value !== undefined && row?.names(value, entry) === true;
}

/** Returns the attributes of a user with another name for the object, or without it. */
function attributesWith(
  given: Readonly<Record<string, string>>,
  entry: Entry,
  name: string | undefined,
): Record<string, string> {
  const attributes = { ...given };
  const row = BY_NAME[entry.kind];
  if (!row) return attributes;
  const value = row.renamed(attributes[row.attribute] ?? '', entry, name);
  if (value === undefined) delete attributes[row.attribute];
  else attributes[row.attribute] = value;
  return attributes;
}

function attributesOf(user: Entry): Readonly<Record<string, string>> {
  return 'attributes' in user.value ? user.value.attributes : {};
}

function holds(field: unknown, uid: string): boolean {
  return Array.isArray(field) ? field.includes(uid) : field === uid;
}
