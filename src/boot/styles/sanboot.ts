// Style sanboot: iPXE itself boots a disk, the first one or what _ipxe_sanboot says.
import type { StyleRules } from './style-rules.ts';

export const sanboot: StyleRules = {
  style: 'sanboot',
  scripts: ['sanboot.ipxe', 'sanboot-iscsi.ipxe'],
  script: plan => (plan.sanboot?.iscsi ? 'sanboot-iscsi.ipxe' : 'sanboot.ipxe'),
  needsKernel: false,
  needsImage: false,
  handsOver: true,
  memory: () => ({ peak: 0, kept: 0 }),
  summary: 'iPXE boots the first disk, or what _ipxe_sanboot names: another disk, or one over iSCSI',
};
