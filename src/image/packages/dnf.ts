// dnf and yum: images of RHEL and its clones. The head's program creates them; the image's own changes them, if it has one.
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MusterError } from '../../errors.ts';
import { type RunResult, run, toolFailed } from '../../process/run.ts';
import { inImage } from '../chroot.ts';
import { ImageRoot } from '../image-root.ts';
import { dnfFailure, UNREACHED } from './dnf-failure.ts';
import type { PackageManager, Ports } from './manager.ts';
import type { Recipe } from './recipe.ts';
import { repoFile, withKeys, writeNodeRepo } from './rpm-repos.ts';

/** The first packages of a system. Names that a distribution does not have are skipped. */
const BASE = ['filesystem', 'setup', 'basesystem', 'bash', 'coreutils', 'system-release', 'rpm', 'dnf'];
/** The minimal group of RHEL, and what a node needs to boot and be reachable. */
const CORE = ['@core', 'kernel', 'dracut', 'openssh-server', 'squashfs-tools', 'zstd', 'curl'];

const INVALID = `ERROR: One or more repositories in the newly created image are invalid. This
can happen when installing older versions of Linux distributions such as CentOS.
Please consult the Administrator's Guide for more information.`;
const RETRY = 'WARNING: The command will be retried with unknown repositories disabled.';

export const dnf: PackageManager = {
  name: 'dnf',
  async create(root, given, packages, ports) {
    const { progress, work } = ports;
    const recipe = await withKeys(given);
    progress.say('Preparing the chroot...');
    const repos = join(work, 'repos');
    await mkdir(repos, { recursive: true });
    await writeFile(join(repos, 'clusterware-node.repo'), repoFile(recipe.sources));
    const program = await headProgram();
    const common = ['--installroot', root, ...(recipe.release ? [`--releasever=${recipe.release}`] : [])];
    progress.say('...done.');

    progress.say('Initializing the chroot...');
    const first = await progress.timed(async () =>
      ask(
        root,
        [program, ...common, `--setopt=reposdir=${repos}`, '--setopt=strict=0', 'install', ...BASE],
        ports,
        true,
      ),
    );
    if (first.status !== 0) throw dnfFailure(`${program} of this machine`, first, recipe.sources);
    progress.say('...initialized.');

    progress.say('Installing core packages...');
    await writeNodeRepo(root, '/etc/yum.repos.d', recipe);
    await importKeys(root, recipe, ports);
    await core(root, [program, ...common], recipe, packages, ports);
  },
  install: async (root, packages, ports) => change(root, 'install', packages, ports),
  uninstall: async (root, packages, ports) => change(root, 'remove', packages, ports),
  update: async (root, ports) => change(root, 'upgrade', [], ports),
};

export const yum: PackageManager = { ...dnf, name: 'yum' };

/** Keys that are files: the image's repository file names their paths in the image, which this machine's dnf cannot see. */
async function importKeys(root: string, { sources }: Recipe, ports: Ports): Promise<void> {
  const files = sources.flatMap(({ check, keys }) => (check ? keys.filter(key => key.startsWith('file://')) : []));
  for (const key of new Set(files)) {
    const argv = ['rpm', '--root', root, '--import', key.slice('file://'.length)];
    const env = await rpmEnvironment(ports.work);
    const result = await inImage(root, argv, { outside: true, offline: true, writable: [ports.work], env });
    if (result.status !== 0) throw toolFailed(`rpm --import ${key}`, result);
  }
}

/** Installs the packages of a node: from the image's own repositories, and if those fail, from the distro's alone. */
async function core(
  root: string,
  head: string[],
  recipe: Recipe,
  packages: readonly string[],
  ports: Ports,
): Promise<void> {
  const { progress } = ports;
  const wanted = [[...head, '--setopt=strict=0', 'install', ...CORE]];
  if (packages.length > 0) wanted.push([...head, 'install', ...packages]);
  const known = ['--disablerepo=*', ...recipe.sources.map(({ name }) => `--enablerepo=${name}`)];
  let only: string[] = [];
  for (const words of wanted) {
    let result = await progress.timed(async () => ask(root, [...words, ...only], ports, true));
    if (result.status !== 0 && only.length === 0 && isUnknown(result, recipe)) {
      for (const line of `${INVALID}\n${RETRY}`.split('\n')) progress.say(line);
      only = known;
      result = await progress.timed(async () => ask(root, [...words, ...only], ports, true));
    }
    // A repository without the group; the other packages were named one by one.
    if (
      result.status !== 0 &&
      /Module or Group 'core' is not available|Group '?core'? does not exist/.test(result.stderr)
    ) {
      progress.say("WARNING: The repositories have no group 'core'; installing only the packages needed for booting.");
      const rest = words.filter(word => word !== '@core');
      result = await progress.timed(async () => ask(root, [...rest, ...only], ports, true));
      if (/Nothing to do|Unable to find a match|No match for argument/.test(result.stderr + result.stdout)) continue;
    }
    if (result.status !== 0) throw dnfFailure('dnf of this machine', result, recipe.sources);
  }
}

/** Returns whether a repository failed that is not the distro's, but came with a package. */
function isUnknown(result: RunResult, recipe: Recipe): boolean {
  const found = UNREACHED.exec(result.stderr + result.stdout);
  const name = found?.[1] ?? found?.[2];
  return name !== undefined && !recipe.sources.some(source => source.name === name);
}

/** Uses the image's own program, which knows its database and its repositories best; else the head's. */
async function change(root: string, action: string, packages: readonly string[], ports: Ports): Promise<void> {
  const own = await ownProgram(root);
  const program = own ?? (await headProgram());
  const words = own ? [own, action, ...packages] : [program, '--installroot', root, action, ...packages];
  const result = await ports.progress.timed(async () => ask(root, words, ports, own === undefined));
  if (result.status !== 0) throw dnfFailure(own ? `${own} in the image` : `${program} of this machine`, result);
}

async function ask(root: string, words: readonly string[], ports: Ports, outside: boolean): Promise<RunResult> {
  const [program = '', ...rest] = words;
  const options = ['-y', '--setopt=skip_if_unavailable=0', '--setopt=keepcache=0'];
  const result = await inImage(root, [program, ...options, ...rest], {
    outside,
    ...(outside && { env: await rpmEnvironment(ports.work), writable: [ports.work] }),
    ...(ports.kver !== undefined && { kver: ports.kver }),
    ...(ports.signal && { signal: ports.signal }),
  });
  // dnf installs a package even if its script fails, and calls that a success.
  for (const [line] of result.stdout.matchAll(/^.*scriptlet failed, exit status \d+/gm))
    ports.progress.say(`WARNING: ${line.replace(/^warning: /, '')}`);
  return result;
}

/** Debian's rpm keeps its database below the home folder; this puts it where the image looks for it. */
export async function rpmEnvironment(work: string): Promise<Record<string, string>> {
  const home = join(work, 'home');
  await mkdir(home, { recursive: true });
  const { stdout } = await run('rpm', ['--eval', '%_dbpath'], { package: 'rpm' });
  if (stdout.includes('.rpmdb')) await writeFile(join(home, '.rpmmacros'), '%_dbpath /var/lib/rpm\n');
  return { HOME: home };
}

async function ownProgram(root: string): Promise<string | undefined> {
  const image = new ImageRoot(root);
  for (const name of ['dnf', 'yum', 'microdnf']) if (await image.has(`/usr/bin/${name}`)) return name;
  return undefined;
}

async function headProgram(): Promise<string> {
  for (const name of ['dnf', 'yum'])
    if (['/usr/bin', '/bin'].some(folder => existsSync(join(folder, name)))) return name;
  throw new MusterError('tool-missing', "The program 'dnf' is not installed; install the package dnf.");
}
