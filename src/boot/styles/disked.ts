// Style disked: the image is unpacked onto a partition of the node, and kept in a cache there, so that the next boot fetches
// nothing.
import type { StyleRules } from './style-rules.ts';

export const disked: StyleRules = {
  style: 'disked',
  scripts: ['netboot.ipxe'],
  script: () => 'netboot.ipxe',
  needsKernel: true,
  needsImage: true,
  handsOver: false,
  // Without a cache the archive is in memory during unpacking.
  memory: image => ({ peak: image.size, kept: 0 }),
  summary: 'take the image from the cache on _disk_cache or fetch it, and unpack it onto _disk_root',
};
