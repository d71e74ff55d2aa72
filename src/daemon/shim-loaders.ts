// A distribution's shim and GRUB, accepted by Secure Boot: the files, and the configuration of that GRUB.
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SHIM_FILES } from '../boot/loaders.ts';
import type { Config } from '../config.ts';
import type { Log } from '../log.ts';
import type { Networks } from '../networks.ts';
import { networkScript } from './grub-loaders.ts';

/** Where Debian's and Ubuntu's packages put them; `$` stands for UEFI's name of the architecture. */
const PACKAGED = { shim: '/usr/lib/shim/shim$.efi.signed', mok: '/usr/lib/shim/mm$.efi.signed' };
const ARCHITECTURES = [
  { file: SHIM_FILES.efi64, word: 'x64', grub: '/usr/lib/grub/x86_64-efi-signed/grubnetx64.efi.signed' },
  { file: SHIM_FILES['efi-arm64'], word: 'aa64', grub: '/usr/lib/grub/arm64-efi-signed/grubnetaa64.efi.signed' },
] as const;

/** Where signed GRUBs look for their configuration; the folder is compiled in. Debian's is fixed; Red Hat's is the folder it came from. */
const CONFIGURATIONS = ['grub/grub.cfg', 'grub.cfg'];

/** Returns paths by the names that firmware, shim and GRUB request. */
export async function shimLoaders(config: Config, networks: Networks, log: Log): Promise<Map<string, string>> {
  const served = new Map<string, string>();
  for (const { file, word, grub } of ARCHITECTURES) {
    if (file === undefined) continue;
    const folder = config['paths.shim'];
    const paths = {
      [file]: folder ? join(folder, file) : PACKAGED.shim.replace('$', word),
      [`grub${word}.efi`]: folder ? join(folder, `grub${word}.efi`) : grub,
    };
    const lacking = Object.values(paths).filter(path => !existsSync(path));
    if (lacking.length === 0) for (const [name, path] of Object.entries(paths)) served.set(name, path);
    else if (lacking.length === 1)
      log.warn({}, `_boot_loader=shim is not served for ${word}: ${lacking[0]} is missing`);
    // MokManager, which enrols a site's own keys
    const mok = folder ? join(folder, `mm${word}.efi`) : PACKAGED.mok.replace('$', word);
    if (lacking.length === 0 && existsSync(mok)) served.set(`mm${word}.efi`, mok);
  }
  if (served.size === 0) return served;
  const path = join(config['paths.state'], 'loaders', 'shim-grub.cfg');
  await mkdir(join(path, '..'), { recursive: true, mode: 0o755 });
  await writeFile(path, await networkScript(config, networks, 'tftp'), { mode: 0o644 });
  for (const name of CONFIGURATIONS) served.set(name, path);
  return served;
}
