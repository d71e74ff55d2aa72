// Where the firmware of virtual machines lies, and which one each kind of boot needs.
import { existsSync } from 'node:fs';
import { MusterError } from '../errors.ts';

export const FIRMWARES = ['bios', 'uefi', 'uefi-http'] as const;
export type Firmware = (typeof FIRMWARES)[number];

/** OVMF's code, and its variables as they are at first. One row per place: Debian, Fedora and RHEL. */
const OVMF: readonly { code: string; vars: string }[] = [
  { code: '/usr/share/OVMF/OVMF_CODE_4M.fd', vars: '/usr/share/OVMF/OVMF_VARS_4M.fd' },
  { code: '/usr/share/edk2/ovmf/OVMF_CODE.fd', vars: '/usr/share/edk2/ovmf/OVMF_VARS.fd' },
];

/** OVMF of this machine. Throws `tool-missing` when there is none. */
export function findOvmf(): { code: string; vars: string } {
  const found = OVMF.find(row => existsSync(row.code) && existsSync(row.vars));
  if (found) return found;
  throw new MusterError('tool-missing', `No UEFI firmware was found (${OVMF[0]?.code}); install the package ovmf.`);
}
