// How an object is shown: its fields in the table's order, references as names, secrets masked.
import type { Cluster, Entry } from '../model/cluster.ts';
import { fieldsOf, type Kind, type Value } from '../model/kinds.ts';
import { maskPassword } from '../model/secrets.ts';
import type { Shown } from './contract.ts';

export function show(cluster: Cluster, entry: Entry): Shown {
  const { uid, revision, created, modified } = entry;
  return { ...showValue(cluster, entry.kind, entry.value), name: entry.value.name, uid, revision, created, modified };
}

export function showValue(cluster: Cluster, kind: Kind, value: Value): Record<string, unknown> {
  const fields = value as Record<string, unknown>;
  const shown: Record<string, unknown> = {};
  for (const { name, meta } of fieldsOf(kind)) {
    shown[name] = meta.refers
      ? named(cluster, meta.refers, fields[name])
      : name === 'power_uri'
        ? maskPassword(String(fields[name] ?? ''))
        : fields[name];
  }
  return shown;
}

function named(cluster: Cluster, kind: Kind, held: unknown): unknown {
  if (Array.isArray(held)) return held.map(uid => named(cluster, kind, uid));
  return typeof held === 'string' && held !== '' ? (cluster.get(kind, held)?.value.name ?? held) : held;
}
