// zypper: creates images of SUSE with the head's program, and changes them with the image's own if it has one.
import { MusterError } from '../../errors.ts';
import { toolFailed } from '../../process/run.ts';
import { inImage } from '../chroot.ts';
import { ImageRoot } from '../image-root.ts';
import { rpmEnvironment } from './dnf.ts';
import type { PackageManager, Ports } from './manager.ts';
import { withKeys, writeNodeRepo } from './rpm-repos.ts';

/** The first packages of a system, by what they provide. */
const BASE = ['filesystem', 'bash'];
/** What a node needs to boot and be reachable. If a repository lacks one, that is reported, and the rest is installed. */
const CORE = ['distribution-release', 'systemd', 'kernel-default', 'dracut', 'openssh', 'zypper', 'curl'];

/** zypper(8), exit codes: 100 and more are informational. */
const INFORMATION = 100;
const NOT_FOUND = 104;

export const zypper: PackageManager = {
  name: 'zypper',
  async create(root, given, packages, ports) {
    const { progress } = ports;
    const recipe = await withKeys(given);
    progress.say('Preparing the chroot...');
    await writeNodeRepo(root, '/etc/zypp/repos.d', recipe);
    progress.say('...done.');
    progress.say('Initializing the chroot...');
    const release = recipe.release ? ['--releasever', recipe.release] : [];
    await ask(root, [...release, 'install'], BASE, ports, true);
    progress.say('...initialized.');
    progress.say('Installing core packages...');
    // One by one, because zypper installs nothing from a list with an unknown name.
    for (const name of CORE) {
      if (!(await ask(root, [...release, 'install'], [name], ports, true, true)))
        progress.say(`WARNING: The repositories have no ${name}.`);
    }
    if (packages.length > 0) await ask(root, [...release, 'install'], packages, ports, true);
  },
  install: async (root, packages, ports) => change(root, ['install'], packages, ports),
  uninstall: async (root, packages, ports) => change(root, ['remove'], packages, ports),
  update: async (root, ports) => change(root, ['update'], [], ports),
};

async function change(root: string, words: string[], packages: readonly string[], ports: Ports): Promise<void> {
  const outside = !(await new ImageRoot(root).has('/usr/bin/zypper'));
  await ask(root, words, packages, ports, outside);
}

/** Returns false when a name is unknown and that is acceptable. */
async function ask(
  root: string,
  words: readonly string[],
  packages: readonly string[],
  ports: Ports,
  outside: boolean,
  mayLack = false,
): Promise<boolean> {
  const action = words.at(-1) ?? '';
  const options = ['--non-interactive', '--gpg-auto-import-keys', ...(outside ? ['--root', root] : [])];
  const licences =
    action === 'remove' ? [] : ['--auto-agree-with-licenses', ...(action === 'install' ? ['--no-recommends'] : [])];
  const argv = ['zypper', ...options, ...words, ...licences, ...packages];
  const work = async () =>
    inImage(root, argv, {
      outside,
      ...(outside && { env: await rpmEnvironment(ports.work), writable: [ports.work] }),
      ...(ports.kver !== undefined && { kver: ports.kver }),
      ...(ports.signal && { signal: ports.signal }),
    });
  const result = mayLack ? await work() : await ports.progress.timed(work);
  if (result.status === 127)
    throw new MusterError('tool-missing', "The program 'zypper' is not installed; install the package zypper.");
  if (mayLack && result.status === NOT_FOUND) return false;
  if (result.status === 0 || (result.status >= INFORMATION && result.status !== NOT_FOUND)) return true;
  throw toolFailed(outside ? 'zypper of this machine' : 'zypper in the image', result);
}
