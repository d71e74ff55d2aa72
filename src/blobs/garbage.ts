// Which blobs nothing refers to any more: no object, no living boot session.
import { stat } from 'node:fs/promises';
import type { Boots } from '../boot/boots.ts';
import type { Cluster } from '../model/cluster.ts';
import type { Blobs } from './blobs.ts';

/** A blob this young may belong to a command that is still under way, in milliseconds. */
const YOUNG_MS = 10 * 60_000;

/** Removes them, unless it is a dry run; answers what was, or would be, removed. */
export async function collectGarbage(
  blobs: Blobs,
  cluster: Cluster,
  boots: Boots,
  options: { dryRun: boolean; now(): number },
): Promise<{ sha256: string; size: number }[]> {
  const found = await blobs.list();
  const removed: { sha256: string; size: number }[] = [];
  for (const blob of found) {
    const { ctimeMs } = await stat(blobs.path(blob.sha256));
    if (options.now() - ctimeMs < YOUNG_MS || isUsed(blob.sha256, cluster, boots)) continue;
    removed.push(blob);
    if (!options.dryRun) await blobs.remove(blob.sha256);
  }
  return removed;
}

/** Asked anew for each blob, right before it goes. */
function isUsed(sha256: string, cluster: Cluster, boots: Boots): boolean {
  for (const { value } of cluster.all('boot'))
    if (value.kernel?.sha256 === sha256 || value.initramfs?.sha256 === sha256) return true;
  for (const { value } of cluster.all('image')) if (value.content?.sha256 === sha256) return true;
  for (const used of boots.usedBlobs()) if (used === sha256) return true;
  return false;
}
