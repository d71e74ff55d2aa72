// Style roram: the squashfs stays in RAM, read-only, below a writable layer.
import type { StyleRules } from './style-rules.ts';

export const roram: StyleRules = {
  style: 'roram',
  scripts: ['netboot.ipxe'],
  script: () => 'netboot.ipxe',
  needsKernel: true,
  needsImage: true,
  handsOver: false,
  memory: image => ({ peak: image.size, kept: image.size }),
  summary: 'fetch the squashfs into RAM, verify it, mount it read-only below overlayfs (or rwtab)',
};
