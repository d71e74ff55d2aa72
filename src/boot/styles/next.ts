// Style next: the node is left to its firmware, which continues with its next boot device.
import type { StyleRules } from './style-rules.ts';

export const next: StyleRules = {
  style: 'next',
  scripts: ['next.ipxe'],
  script: () => 'next.ipxe',
  needsKernel: false,
  needsImage: false,
  handsOver: true,
  memory: () => ({ peak: 0, kept: 0 }),
  summary: "leave iPXE, so that the firmware continues with its next device; on UEFI, start the disk's own loader",
};
