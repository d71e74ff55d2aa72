// Where the firmware of virtual machines is, and which one each kind of boot needs.
import { existsSync } from 'node:fs';
import { MusterError } from '../src/errors.ts';

export const FIRMWARES = ['bios', 'uefi', 'uefi-http', 'uefi-secure'] as const;
export type Firmware = (typeof FIRMWARES)[number];

/** OVMF's code, and its initial variables. One row per place: Debian, Fedora and RHEL. */
const OVMF: readonly { code: string; vars: string }[] = [
  { code: '/usr/share/OVMF/OVMF_CODE_4M.fd', vars: '/usr/share/OVMF/OVMF_VARS_4M.fd' },
  { code: '/usr/share/edk2/ovmf/OVMF_CODE.fd', vars: '/usr/share/edk2/ovmf/OVMF_VARS.fd' },
];

/** The same with Secure Boot, and the keys that machines are sold with. */
const SECURE: typeof OVMF = [
  { code: '/usr/share/OVMF/OVMF_CODE_4M.ms.fd', vars: '/usr/share/OVMF/OVMF_VARS_4M.ms.fd' },
  { code: '/usr/share/edk2/ovmf/OVMF_CODE.secboot.fd', vars: '/usr/share/edk2/ovmf/OVMF_VARS.secboot.fd' },
];

/** OVMF of this machine. Throws `tool-missing` when there is none. */
export function findOvmf(firmware: Firmware = 'uefi'): { code: string; vars: string } {
  const rows = firmware === 'uefi-secure' ? SECURE : OVMF;
  const found = rows.find(row => existsSync(row.code) && existsSync(row.vars));
  if (found) return found;
  throw new MusterError('tool-missing', `No UEFI firmware was found (${rows[0]?.code}); install the package ovmf.`);
}
