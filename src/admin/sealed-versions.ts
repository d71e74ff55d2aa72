// A set that becomes secret: its earlier contents may have the secret in the clear, so they are encrypted in the same commit.
import { MusterError } from '../errors.ts';
import type { Plan } from '../model/change.ts';
import type { Entry } from '../model/cluster.ts';
import type { Value } from '../model/kinds.ts';
import type { SetVersion } from '../model/values.ts';
import type { FilePorts, StoreBytes } from './stored-files.ts';

/** Stores encrypted copies of clear versions, and returns a function that puts them into the plan of the change. */
export async function sealedVersions(
  { sets }: Pick<FilePorts, 'sets'>,
  entries: readonly Entry[],
  content: unknown,
  store: StoreBytes,
): Promise<(plan: Plan) => Plan> {
  if (!isSecret(content)) return plan => plan;
  const copies = new Map<string, { sha256: string; size: number }>();
  for (const { kind, value } of entries) {
    if (kind !== 'files') continue;
    for (const { secret, ...version } of (value as Value<'files'>).versions) {
      if (secret) continue;
      const archive = await sets.archive(version, value.name).catch((error: unknown) => {
        // A content that storage has lost reveals nothing
        if (error instanceof MusterError && error.code === 'not-ready') return undefined;
        throw error;
      });
      copies.set(version.sha256, archive ? await store(sets.seal(archive)) : version);
    }
  }
  const sealed = (version: SetVersion): SetVersion => {
    if (version.secret) return version;
    const copy = copies.get(version.sha256);
    if (!copy)
      throw new MusterError('conflict', 'Somebody else changed the file set at the same time. Repeat the command.');
    return { ...version, sha256: copy.sha256, size: copy.size, secret: true };
  };
  return plan => ({
    ...plan,
    changes: plan.changes.map(change => {
      if (change.kind !== 'files' || !change.value) return change;
      const value = change.value as Value<'files'>;
      return { ...change, value: { ...value, versions: value.versions.map(sealed) } };
    }),
  });
}

function isSecret(content: unknown): boolean {
  return typeof content === 'object' && content !== null && 'secret' in content && content.secret === true;
}
