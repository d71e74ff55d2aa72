// Which blobs are in use, and by what: objects, current boots, running commands. The others can be removed.
import type { Cluster } from '../model/cluster.ts';
import { fileFields, filesOf, KIND_NAMES, KINDS, storedFilesOf } from '../model/kinds.ts';
import type { Blobs } from './blobs.ts';

/** A blob this young may belong to a boot planned a moment ago, in milliseconds. */
const YOUNG_MS = 10 * 60_000;

/** Users of blobs besides objects: each digest with the reason as text. */
export interface BlobUsers {
  usedBlobs(): Iterable<{ sha256: string; by: string }>;
}

export interface StoredBlob {
  sha256: string;
  /** Bytes. */
  size: number;
  /** What keeps it, as text; empty when nothing does. */
  keptBy: string[];
}

export interface Collected {
  /** What was removed, or would be. */
  removed: StoredBlob[];
  kept: StoredBlob[];
  /** Files that objects refer to but storage lacks: they must be uploaded again. */
  missing: StoredBlob[];
  /** Files that are shorter than an object says, with their right size: they must be uploaded again. */
  short: (StoredBlob & { wanted: number })[];
}

/** Removes what nothing uses, unless it is a dry run; explains what stays. `youngMs` is the age up to which a blob is kept for that alone. */
export async function collectGarbage(
  blobs: Blobs,
  cluster: Cluster,
  boots: BlobUsers,
  options: { dryRun: boolean; youngMs?: number },
): Promise<Collected> {
  const result: Collected = { removed: [], kept: [], missing: [], short: [] };
  const present = new Set<string>();
  const wantedSizes = sizesOfFiles(cluster);
  for (const { sha256, size, age } of await blobs.list()) {
    present.add(sha256);
    const keptBy = usersOfBlobs(cluster, boots).get(sha256) ?? [];
    if (blobs.isHeld(sha256)) keptBy.push('a running command');
    if (keptBy.length === 0 && age < (options.youngMs ?? YOUNG_MS)) keptBy.push('it came a few minutes ago');
    const wanted = wantedSizes.get(sha256) ?? 0;
    if (size < wanted) result.short.push({ sha256, size, wanted, keptBy });
    const goes =
      keptBy.length === 0 &&
      (options.dryRun || (await blobs.removeUnless(sha256, () => usersOfBlobs(cluster, boots).has(sha256))));
    if (goes) result.removed.push({ sha256, size, keptBy });
    else result.kept.push({ sha256, size, keptBy: keptBy.length > 0 ? keptBy : ['it has just been taken into use'] });
  }
  for (const [sha256, keptBy] of usersOfBlobs(cluster, boots)) {
    if (!present.has(sha256) && !(await blobs.has(sha256))) result.missing.push({ sha256, size: 0, keptBy });
  }
  return result;
}

/** Returns whether an object or a boot uses the blob now. */
export function isBlobUsed(sha256: string, cluster: Cluster, boots: BlobUsers): boolean {
  return usersOfBlobs(cluster, boots).has(sha256);
}

/** Returns the size of each file, as objects say. */
function sizesOfFiles(cluster: Cluster): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const kind of KIND_NAMES) {
    if (fileFields(kind).length === 0) continue;
    for (const { value } of cluster.all(kind))
      for (const { sha256, size } of storedFilesOf(kind, value)) sizes.set(sha256, size);
  }
  return sizes;
}

/** Returns what uses each blob, as text: objects and other users. */
export function usersOfBlobs(cluster: Cluster, boots: BlobUsers): Map<string, string[]> {
  const users = new Map<string, string[]>();
  const add = (sha256: string, by: string): void => {
    const known = users.get(sha256);
    if (known) known.push(by);
    else users.set(sha256, [by]);
  };
  for (const kind of KIND_NAMES) {
    if (fileFields(kind).length === 0) continue;
    for (const { value } of cluster.all(kind))
      for (const sha256 of filesOf(kind, value)) add(sha256, `${KINDS[kind].label} ${value.name}`);
  }
  for (const { sha256, by } of boots.usedBlobs()) add(sha256, by);
  return users;
}
