// The earlier contents of file sets. Every commit passes here, so that no content is replaced without a trace.
import type { Change } from './change.ts';
import type { Cluster } from './cluster.ts';
import type { Value } from './kinds.ts';

/** Returns the changes with a new version for each file set that has a new content; the newest `keep` versions stay. */
export function withVersions(
  cluster: Cluster,
  changes: readonly Change[],
  { who, what, keep }: { who: string; what: string; keep: number },
): Change[] {
  return changes.map(change => {
    if (change.kind !== 'files' || !change.value) return change;
    const value = change.value as Value<'files'>;
    const before = cluster.get('files', change.uid)?.value;
    const { content, versions } = value;
    if (!content || content.sha256 === before?.content?.sha256) return change;
    const number = (versions.at(-1)?.number ?? 0) + 1;
    const all = [...versions, { ...content, number, who, why: what }];
    return { ...change, value: { ...value, versions: all.slice(-keep) } };
  });
}
