// Style live: the node boots an installer, which keeps its root in memory and writes to the node's disk what its answers say.
import type { StyleRules } from './style-rules.ts';

export const live: StyleRules = {
  style: 'live',
  scripts: ['live.ipxe'],
  script: () => 'live.ipxe',
  needsKernel: true,
  needsImage: false,
  handsOver: false,
  memory: () => ({ peak: 0, kept: 0 }),
  summary: 'start the installer of an ISO image (inst.repo), which installs to disk by a kickstart file',
};
