// Style rwram: the image is fetched into RAM, unpacked to a tmpfs, and the archive dropped.
import type { StyleRules } from './style-rules.ts';

export const rwram: StyleRules = {
  style: 'rwram',
  scripts: ['netboot.ipxe'],
  script: () => 'netboot.ipxe',
  needsKernel: true,
  needsImage: true,
  handsOver: false,
  memory: image => ({ peak: image.size + image.unpacked, kept: image.unpacked }),
  summary: 'fetch the squashfs into RAM, verify it, unpack it to a tmpfs, drop the archive',
};
