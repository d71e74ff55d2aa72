// The GRUBs that the head builds when it starts: one boots over the network, one finds the loader of a local disk.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { GRUB_FILES, LOCAL_FILES } from '../boot/loaders.ts';
import { GRUB, GRUB_BY_TFTP } from '../boot/plane/languages.ts';
import { fillTemplate } from '../boot/script.ts';
import type { Config } from '../config.ts';
import { reasonOf } from '../errors.ts';
import { grubArchitectures, makeGrub } from '../image/grub.ts';
import type { Log } from '../log.ts';
import type { Networks } from '../networks.ts';
import { cpioArchive } from '../wire/cpio-archive.ts';
import { bootScript } from './boot-files.ts';

/** Returns paths by served name. Those that cannot be built are missing, and the log says why. */
export async function grubLoaders(config: Config, networks: Networks, log: Log): Promise<Map<string, string>> {
  const made = new Map<string, string>();
  const architectures = grubArchitectures();
  if (architectures.length === 0) {
    log.info(
      {},
      'no GRUB modules are installed: _boot_loader=grub is not served, and next and sanboot on UEFI rely on iPXE',
    );
    return made;
  }
  const folder = join(config['paths.state'], 'loaders');
  await mkdir(folder, { recursive: true, mode: 0o755 });
  const network = asConfig(await networkScript(config, networks, 'http'));
  const local = asConfig(await bootScript(config, 'local.grub'));
  for (const arch of architectures) {
    for (const [file, script, isNetwork] of [
      [GRUB_FILES[arch], network, true],
      [LOCAL_FILES[arch], local, false],
    ] as const) {
      if (file === undefined) continue;
      try {
        await makeGrub(arch, script, isNetwork, join(folder, file));
        made.set(file, join(folder, file));
      } catch (error) {
        log.warn({ error: reasonOf(error) }, `the loader ${file} could not be made`);
      }
    }
  }
  return made;
}

/** Returns the script of a GRUB that came over the network. */
export async function networkScript(config: Config, networks: Networks, by: 'http' | 'tftp'): Promise<string> {
  // With several networks, each has a different address of the head: GRUB knows it as its server.
  const [only, ...more] = networks.attached;
  const address = more.length === 0 && only ? only.head : '$net_default_server';
  const script =
    by === 'http' ? `(http,${address}:${config['http.port']})${GRUB.path}` : `(tftp,${address})${GRUB_BY_TFTP.path}`;
  return fillTemplate(await bootScript(config, 'network.grub'), {
    SCRIPT: script,
    HEAD: `${address}:${config['http.port']}`,
  });
}

function asConfig(script: string): Buffer {
  return cpioArchive([
    { name: 'boot', mode: 0o040755 },
    { name: 'boot/grub', mode: 0o040755 },
    { name: 'boot/grub/grub.cfg', mode: 0o100644, content: script },
  ]);
}
