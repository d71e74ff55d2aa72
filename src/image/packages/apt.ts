// apt: images of Debian and its relatives. mmdebstrap creates them, and the image's own apt-get changes them.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { MusterError } from '../../errors.ts';
import { DIES_WITH_PARENT, run, toolFailed } from '../../process/run.ts';
import { inImage } from '../chroot.ts';
import { BUILDER_CAPABILITIES, capabilitySet } from '../chroot-init.ts';
import { ImageRoot } from '../image-root.ts';
import { aptFailure } from './apt-failure.ts';
import { kernelPackage } from './apt-kernel.ts';
import { sourceLines } from './apt-sources.ts';
import { ask, whyNot } from './fetching.ts';
import type { PackageManager, Ports } from './manager.ts';
import type { Source } from './recipe.ts';

/** What a node needs to boot, to get an initramfs, and to be reachable. */
const NODE = [
  ...['systemd-sysv', 'udev', 'dracut-core', 'kmod', 'iproute2', 'openssh-server', 'curl', 'squashfs-tools', 'zstd'],
  'ca-certificates',
];
export const apt: PackageManager = {
  name: 'apt',
  async create(root, recipe, packages, ports) {
    const { progress } = ports;
    progress.say('Preparing the chroot...');
    for (const { name, options = [] } of recipe.sources)
      if (options.length > 0)
        progress.say(`WARNING: The options ${options.join(', ')} of the repo ${name} are for yum; apt ignores them.`);
    const keys = await fetchKeys(recipe.sources, ports.work);
    const lines = recipe.sources.flatMap(source => sourceLines(source, recipe));
    progress.say('...done.');
    progress.say('Initializing the chroot...');
    const kernel = packages.some(name => name.startsWith('linux-image')) ? [] : [await kernelPackage(recipe)];
    const include = [...new Set([...NODE, ...kernel, ...packages])];
    const words = [
      ...DIES_WITH_PARENT,
      ...['unshare', '--mount', '--uts', '--ipc', '--pid', '--fork', '--kill-child', '--propagation', 'private'],
      ...['sh', '-c', 'mount -t proc proc /proc 2>/dev/null; exec "$@"', 'sh'],
      ...['setsid', 'setpriv', '--inh-caps=-all', `--bounding-set=${capabilitySet(BUILDER_CAPABILITIES)}`],
      ...['mmdebstrap', '--variant=minbase', '--mode=root', `--include=${include.join(',')}`],
      ...(keys.length > 0 ? [`--keyring=${join(ports.work, 'keys')}`] : []),
      // `-`: from standard input, because a URL may contain a password.
      ...[recipe.release, root, '-'],
    ];
    await progress.timed(async () => {
      const result = await run(words[0] ?? '', words.slice(1), {
        package: 'util-linux',
        input: lines.map(line => `${line}\n`).join(''),
        env: { INITRD: 'No', LC_ALL: 'C.UTF-8', DEBIAN_FRONTEND: 'noninteractive' },
        ...(ports.signal && { signal: ports.signal }),
      });
      if (result.status === 127)
        throw new MusterError(
          'tool-missing',
          "The program 'mmdebstrap' is not installed; install the package mmdebstrap.",
        );
      if (result.status !== 0) throw aptFailure(recipe, result);
    });
    await keysInto(root, keys);
    // Removes the head's resolver, which mmdebstrap leaves there; a node gets its own.
    await new ImageRoot(root).remove('/etc/resolv.conf');
    progress.say('...initialized.');
  },
  async install(root, packages, ports) {
    await aptGet(root, ['update'], ports);
    await aptGet(root, ['install', '--no-install-recommends', ...packages], ports);
  },
  uninstall: async (root, packages, ports) => aptGet(root, ['purge', '--autoremove', ...packages], ports),
  async update(root, ports) {
    await aptGet(root, ['update'], ports);
    await aptGet(root, ['dist-upgrade', '--no-install-recommends'], ports);
  },
};

/** Writes the keys of all repos to files below `work/keys`; without any, apt trusts what the head's own system trusts. */
async function fetchKeys(sources: readonly Source[], work: string): Promise<string[]> {
  const files: string[] = [];
  const folder = join(work, 'keys');
  await mkdir(folder, { recursive: true });
  for (const { name, keys } of sources) {
    for (const [position, key] of keys.entries()) {
      const content = await fetchKey(key, name);
      const armored = content.subarray(0, 64).includes('-----BEGIN PGP');
      const file = join(folder, `${name}-${position}.${armored ? 'asc' : 'gpg'}`);
      await writeFile(file, content);
      files.push(file);
    }
  }
  return files;
}

async function fetchKey(key: string, repo: string): Promise<Buffer> {
  try {
    if (key.startsWith('file://')) return await readFile(key.slice('file://'.length));
    const answer = await ask(key);
    if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
    return Buffer.from(await answer.arrayBuffer());
  } catch (error) {
    throw new MusterError('bad-value', `The key ${key} of the repo ${repo} cannot be fetched: ${whyNot(key, error)}`);
  }
}

async function keysInto(root: string, files: readonly string[]): Promise<void> {
  const image = new ImageRoot(root);
  for (const file of files) await image.write(`/etc/apt/trusted.gpg.d/${basename(file)}`, await readFile(file));
}

async function aptGet(root: string, words: readonly string[], ports: Ports): Promise<void> {
  const options = ['-y', '-q', '-o', 'Dpkg::Options::=--force-confold', '-o', 'Dpkg::Use-Pty=0'];
  const result = await ports.progress.timed(async () =>
    inImage(root, ['apt-get', ...options, ...words], {
      ...(ports.kver !== undefined && { kver: ports.kver }),
      ...(ports.signal && { signal: ports.signal }),
    }),
  );
  if (result.status !== 0) throw toolFailed(`apt-get ${words.join(' ')} in the image`, result);
}
