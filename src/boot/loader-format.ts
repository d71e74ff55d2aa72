// Whether a loader or a kernel can run on a kind of firmware, by its first bytes. Pure.
import type { LoaderName } from '../config-values.ts';

/** How much of a file to read: the DOS header, and the PE header after it. */
export const LOADER_HEAD = 4096;

/** "Microsoft PE and COFF Specification", Machine Types; 0xebc is UEFI's byte code, which every UEFI runs. */
const MACHINES: Readonly<Record<number, string>> = {
  332: '32-bit x86',
  448: '32-bit ARM',
  450: '32-bit ARM',
  34404: 'x64',
  43620: '64-bit ARM',
  3772: 'any',
  20580: 'RISC-V',
  25188: 'LoongArch',
};

/** What each kind of UEFI runs. */
const WANTED: Partial<Record<LoaderName, string>> = {
  efi32: '32-bit x86',
  efi64: 'x64',
  'efi-arm64': '64-bit ARM',
  'http-efi32': '32-bit x86',
  'http-efi64': 'x64',
  'http-efi-arm64': '64-bit ARM',
};

/** Returns why this file cannot run there, as the end of a sentence: `is a program for 64-bit ARM, …`; undefined when it can, or may. */
export function loaderMismatch(head: Buffer, arch: LoaderName): string | undefined {
  const machine = efiMachine(head);
  const wanted = WANTED[arch];
  if (wanted === undefined)
    return machine === undefined ? undefined : `is an EFI program for ${machine}, and the firmware is a BIOS`;
  if (machine === undefined) return `is no EFI program, and the firmware is UEFI for ${wanted}`;
  return machine === wanted || machine === 'any'
    ? undefined
    : `is a program for ${machine}, and the firmware is UEFI for ${wanted}`;
}

/** Returns why this kernel cannot run there, as the end of a sentence; undefined when it can, or may. 32 and 64 bits of x86 count as one. */
export function kernelMismatch(head: Buffer, arch: LoaderName): string | undefined {
  const kernel = kernelProcessor(head);
  const firmware = (WANTED[arch] ?? 'x86').replace(...X86);
  return kernel === undefined || kernel === firmware
    ? undefined
    : `is for ${kernel}, and the node's firmware for ${firmware}`;
}

const X86 = [/^(32-bit x86|x64)$/, 'x86'] as const;

/** Linux/x86 boot protocol: "HdrS" at 0x202. Documentation/arch/{arm64,riscv}/…: a magic at 56. Others are EFI programs. */
function kernelProcessor(head: Buffer): string | undefined {
  if (head.toString('latin1', 0x202, 0x206) === 'HdrS') return 'x86';
  const magic = head.toString('latin1', 56, 60);
  if (magic === 'ARM\x64') return '64-bit ARM';
  if (magic === 'RSC\x05') return 'RISC-V';
  return efiMachine(head)?.replace(...X86);
}

/** Returns the processor of an EFI program; undefined for anything else. */
function efiMachine(head: Buffer): string | undefined {
  if (head.length < 0x40 || head.toString('latin1', 0, 2) !== 'MZ') return undefined;
  const at = head.readUInt32LE(0x3c);
  if (at + 94 > head.length || head.toString('latin1', at, at + 4) !== 'PE\0\0') return undefined;
  // The subsystem, at 68 in the optional header: 10 is an EFI application, 11 and 12 are drivers.
  const subsystem = head.readUInt16LE(at + 24 + 68);
  if (subsystem < 10 || subsystem > 12) return undefined;
  const machine = head.readUInt16LE(at + 4);
  return MACHINES[machine] ?? `processor 0x${machine.toString(16)}`;
}
