// GRUB as a network loader and for finding local disks: one file each, built with the distribution's grub-mkimage.
import { existsSync } from 'node:fs';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { run, runOk } from '../process/run.ts';

/** GRUB's own names of platforms, and the client architecture each is for. */
const GRUB_PLATFORMS = {
  efi64: 'x86_64-efi',
  efi32: 'i386-efi',
  'efi-arm64': 'arm64-efi',
  bios: 'i386-pc',
} as const;
export type GrubArch = keyof typeof GRUB_PLATFORMS;

/** Where Debian and RHEL put the modules. */
const MODULE_FOLDERS = ['/usr/lib/grub', '/usr/share/grub2'];
const PROGRAMS = ['grub-mkimage', 'grub2-mkimage'];

/** The modules that our scripts may use. */
const SCRIPTING = [
  'normal',
  'configfile',
  'echo',
  'sleep',
  'test',
  'true',
  'boot',
  'memdisk',
  'newc',
  'minicmd',
  'reboot',
];
const DISKS = ['part_gpt', 'part_msdos', 'fat', 'iso9660', 'regexp', 'chain'];
const NETWORK = ['net', 'http', 'tftp', 'linux'];

/** Modules that only one kind of platform has. */
const OWN: Record<GrubArch, { disks: readonly string[]; network: readonly string[]; format: string }> = {
  efi64: { disks: [], network: ['efinet', 'efi_gop', 'all_video'], format: 'x86_64-efi' },
  efi32: { disks: [], network: ['efinet', 'efi_gop', 'all_video'], format: 'i386-efi' },
  'efi-arm64': { disks: [], network: ['efinet', 'efi_gop', 'all_video'], format: 'arm64-efi' },
  bios: { disks: ['biosdisk'], network: ['pxe'], format: 'i386-pc-pxe' },
};

/** Returns the architectures with installed GRUB modules. */
export function grubArchitectures(): GrubArch[] {
  return (Object.keys(GRUB_PLATFORMS) as GrubArch[]).filter(arch => modulesOf(arch) !== undefined);
}

/**
 * Writes a GRUB that runs one embedded script. The file appears complete or not at all.
 * @param config the cpio archive (newc) with `boot/grub/grub.cfg` in it
 * @param network whether it can load over the network; all can read disks
 * @throws `tool-missing` without grub-mkimage, `tool-failed` when it fails
 */
export async function makeGrub(arch: GrubArch, config: Buffer, network: boolean, file: string): Promise<void> {
  const modules = modulesOf(arch) ?? '';
  const own = OWN[arch];
  const names = [...SCRIPTING, ...DISKS, ...own.disks, ...(network ? [...NETWORK, ...own.network] : [])];
  const folder = await mkdtemp(join(dirname(file), '.grub-'));
  try {
    const memdisk = join(folder, 'memdisk.cpio');
    await writeFile(memdisk, config);
    const made = join(folder, 'image');
    const words = ['--directory', modules, '--format', own.format, '--output', made, '--memdisk', memdisk];
    await runOk(await program(), [...words, '--prefix', '(memdisk)/boot/grub', ...names], { package: 'grub-common' });
    await rename(made, file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function modulesOf(arch: GrubArch): string | undefined {
  return MODULE_FOLDERS.map(folder => join(folder, GRUB_PLATFORMS[arch])).find(folder =>
    existsSync(join(folder, 'normal.mod')),
  );
}

async function program(): Promise<string> {
  for (const name of PROGRAMS) {
    const found = await run(name, ['--version']).catch(() => undefined);
    if (found?.status === 0) return name;
  }
  return PROGRAMS[0] ?? '';
}
