// A copy of the objects in memory to try changes in: nothing is committed, and nobody is notified.
import type { Plan } from './change.ts';
import { Cluster, type Effect } from './cluster.ts';
import { KIND_NAMES } from './kinds.ts';

/** The objects are shared, since nothing writes to them; changes in the copy stay in it. */
export function copyOf(cluster: Cluster): Cluster {
  const copy = new Cluster();
  const effects = KIND_NAMES.flatMap(kind =>
    cluster.all(kind).map((entry): Effect => ({ kind, uid: entry.uid, entry })),
  );
  copy.apply(cluster.sequence, effects);
  return copy;
}

/** Does in a copy what a commit of the plan would do. */
export function tryPlan(copy: Cluster, { changes }: Plan, now: number): void {
  const effects = changes.map(({ kind, uid, value }): Effect => {
    const before = copy.any(uid);
    const { revision = 0, created = now } = before ?? {};
    return { kind, uid, entry: value && { kind, uid, revision: revision + 1, created, modified: now, value } };
  });
  copy.apply(copy.sequence + 1, effects);
}
