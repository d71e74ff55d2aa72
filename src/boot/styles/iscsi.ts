// Style iscsi: the root is read from the head block by block as it is used; only writes take memory.
import type { StyleRules } from './style-rules.ts';

export const iscsi: StyleRules = {
  style: 'iscsi',
  scripts: ['netboot.ipxe'],
  script: () => 'netboot.ipxe',
  needsKernel: true,
  needsImage: true,
  handsOver: false,
  memory: () => ({ peak: 0, kept: 0 }),
  summary: 'log in to the head over iSCSI, mount the squashfs there read-only below overlayfs (or rwtab)',
};
