// The node's own disks in a boot, from its attributes.
import type { Inherited } from '../model/attributes.ts';
import { isInUse, type LayoutDisk, type NodeLayout, nodeLayout, readDiskLayout } from '../model/disk-layout.ts';
import type { Refused } from '../refused.ts';
import type { DiskPlan } from './boot-plan.ts';
import type { StyleRules } from './styles/style-rules.ts';

export interface DisksOfPlan {
  disk?: DiskPlan;
  layout?: NodeLayout;
}

/** Returns how a boot of this style uses the node's disks, or why it cannot: only an initramfs of muster lays them out. */
export function disksOf(attributes: Map<string, Inherited>, rules: StyleRules): DisksOfPlan | Refused {
  const disk = rules.style === 'disked' ? partitionsOf(attributes) : undefined;
  if (disk && 'refused' in disk) return disk;
  const text = attributes.get('_disk_layout')?.value ?? '';
  if (text === '' || !rules.needsKernel || !rules.needsImage) return { ...(disk && { disk }) };
  const read = readDiskLayout(text);
  if ('refused' in read) return { refused: `_disk_layout ${read.refused}` };
  // A diskless node does not touch disks that only have roots and caches
  const disks = disk ? read.disks : read.disks.filter(({ parts }) => parts.some(isInUse));
  const clash = disk && clashOf(disk, disks);
  if (clash) return clash;
  return { ...(disk && { disk }), ...(disks.length > 0 && { layout: nodeLayout(disks) }) };
}

function partitionsOf(attributes: Map<string, Inherited>): DiskPlan | Refused {
  const text = (name: string): string => attributes.get(name)?.value ?? '';
  const disk = { cache: text('_disk_cache'), root: text('_disk_root'), wipe: text('_disk_wipe') !== 'changed' };
  if (disk.root === '') {
    return {
      refused: 'its boot style is disked, and _disk_root, the partition the image is unpacked onto, is not set',
    };
  }
  if (disk.root === disk.cache) return { refused: `_disk_root and _disk_cache are both ${disk.root}` };
  return disk;
}

/** Returns the refusal of a root or cache on a partition that the layout already uses for a mount point or swap. */
function clashOf({ root, cache }: DiskPlan, disks: readonly LayoutDisk[]): Refused | undefined {
  for (const part of disks.flatMap(({ parts }) => parts).filter(isInUse)) {
    const name = [
      ['_disk_root', root],
      ['_disk_cache', cache],
    ].find(([, value]) => value === `LABEL=${part.label}`)?.[0];
    if (name)
      return {
        refused: `${name} is LABEL=${part.label}, which _disk_layout uses ${part.path ? `for ${part.path}` : 'as swap'}`,
      };
  }
  return undefined;
}
