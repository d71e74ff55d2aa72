// How an object is shown: its fields in the table's order, references as names, secrets masked.
import type { Shown } from '../api/objects.ts';
import type { Cluster, Entry } from '../model/cluster.ts';
import { type Field, fieldsOf, type Kind, type Value } from '../model/kinds.ts';
import { maskField } from '../model/secrets.ts';

/** @param open whether to show secrets */
export function show(cluster: Cluster, entry: Entry, open = false): Shown {
  const { uid, revision, created, modified } = entry;
  const fields: Record<string, unknown> = {};
  for (const row of fieldsOf(entry.kind)) fields[row.name] = showField(cluster, row, entry.value, open);
  return { ...fields, name: entry.value.name, uid, revision, created, modified };
}

/** Returns one field of an object as it is shown. */
export function showField(cluster: Cluster, { name, meta }: Field, value: Value, open = false): unknown {
  const held = (value as Record<string, unknown>)[name];
  if (meta.refers) return named(cluster, meta.refers, held);
  return open ? held : maskField(cluster, meta.secret, held);
}

function named(cluster: Cluster, kind: Kind, held: unknown): unknown {
  if (Array.isArray(held)) return held.map(uid => named(cluster, kind, uid));
  return typeof held === 'string' && held !== '' ? (cluster.get(kind, held)?.value.name ?? held) : held;
}
