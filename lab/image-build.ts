// Builds the lab's image, kernel and initramfs: a separate program, run by `image-cache` under its lock.
import { existsSync } from 'node:fs';
import {
  chmod,
  copyFile,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readlink,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { reasonOf } from '../src/errors.ts';
import { makeInitramfs } from '../src/image/mkramfs.ts';
import { DIES_WITH_PARENT, run, runOk } from '../src/process/run.ts';
import type { CachePlan } from './image-cache.ts';
import type { Recipe } from './recipe.ts';

/** The caller holds the lock of the cache: the contents of `tmp` belong to a build that was killed. */
async function build(plan: CachePlan): Promise<void> {
  const tmp = join(plan.folder, 'tmp');
  await rm(tmp, { recursive: true, force: true });
  await mkdir(tmp, { recursive: true });
  try {
    if (!existsSync(plan.image)) await inPlace(plan.image, tmp, async place => buildImage(place, plan, tmp));
    if (!existsSync(plan.initramfs)) await buildBoot(plan, tmp);
  } finally {
    await rm(tmp, { recursive: true, force: true });
  }
}

/** The root file system as one squashfs. */
async function buildImage(place: string, plan: CachePlan, tmp: string): Promise<void> {
  const { recipe } = plan;
  const root = join(tmp, 'root');
  say(`installing Debian ${recipe.suite} (${recipe.packages.length} packages and what they need)`);
  await debian(recipe, root, plan.root);
  await finish(recipe, root);
  say('packing it');
  const squashfs = join(place, 'root.squashfs');
  const options = [
    '-comp',
    'zstd',
    '-Xcompression-level',
    '6',
    '-noappend',
    '-no-progress',
    ...(plan.root ? [] : ['-all-root']),
  ];
  await runOk('mksquashfs', [root, squashfs, ...options], { package: 'squashfs-tools' });
}

async function debian(recipe: Recipe, root: string, asRoot: boolean): Promise<void> {
  const args = [
    // Without root there is only one user: `fakechroot` pretends the owners of files.
    ...(asRoot ? [] : ['--mode=fakechroot']),
    '--variant=minbase',
    `--include=${recipe.packages.join(',')}`,
    ...recipe.excludes.map(path => `--dpkgopt=path-exclude=${path}`),
    recipe.suite,
    root,
    ...(recipe.mirror ? [recipe.mirror] : []),
  ];
  // INITRD=No: the kernel packages must not make their own initramfs.
  const env = { INITRD: 'No', LC_ALL: 'C.UTF-8' };
  const [program = '', ...words] = [...DIES_WITH_PARENT, 'mmdebstrap', ...args];
  await runOk(program, words, { env, package: 'mmdebstrap' });
}

async function finish(recipe: Recipe, root: string): Promise<void> {
  for (const name of await readdir(join(root, 'boot'))) {
    if (name.startsWith('initrd')) await rm(join(root, 'boot', name));
  }
  for (const path of recipe.removed) await rm(join(root, path), { recursive: true, force: true });
  await mendLinks(root, root);
  for (const [path, content] of Object.entries(recipe.files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
  for (const [path, target] of Object.entries(recipe.links)) {
    await rm(join(root, path), { force: true });
    await symlink(target, join(root, path));
  }
}

/** A link made inside a fakechroot leads to the path on this machine: removes the part outside the image. */
async function mendLinks(root: string, folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await mendLinks(root, path);
    if (!entry.isSymbolicLink()) continue;
    const target = await readlink(path);
    if (!target.startsWith(`${root}/`)) continue;
    await rm(path);
    await symlink(target.slice(root.length), path);
  }
}

/** Makes kernel and initramfs from the packed image, so a change of the initramfs alone does not install Debian again. */
async function buildBoot(plan: CachePlan, tmp: string): Promise<void> {
  const root = join(tmp, 'boot-root');
  say('making the initramfs');
  const unpack = ['-no-progress', '-quiet', '-no-xattrs', '-dest', root, plan.image];
  // Status 2: a device node that a user may not make; dracut makes its own.
  const { status, stderr } = await run('unsquashfs', unpack, { package: 'squashfs-tools' });
  if (status !== 0 && status !== 2) throw new Error(`unsquashfs ended with status ${status}: ${stderr.slice(-500)}`);
  await inPlace(plan.initramfs, tmp, async place => {
    const namespace = ['--mount', '--propagation', 'private', ...(plan.root ? [] : ['--user', '--map-root-user'])];
    await runOk('unshare', [...namespace, process.execPath, import.meta.filename, 'initramfs', root, place]);
  });
}

/** The part that needs root, or root in a user namespace. */
async function initramfsStep(root: string, place: string): Promise<void> {
  const { kver, kernel, initramfs } = await makeInitramfs({ root, outDir: place });
  await copyFile(kernel, join(place, 'kernel'));
  await rename(initramfs, join(place, 'initramfs'));
  for (const name of ['kernel', 'initramfs']) await chmod(join(place, name), 0o644);
  await writeFile(join(place, 'release'), `${kver}\n`);
}

/** Fills a new folder and moves it into place in one step, so the result is always complete. */
async function inPlace(file: string, tmp: string, fill: (place: string) => Promise<void>): Promise<void> {
  const place = await mkdtemp(join(tmp, 'new-'));
  await chmod(place, 0o755);
  await fill(place);
  const target = dirname(file);
  if (await lstat(target).catch(() => undefined)) await rm(target, { recursive: true });
  await rename(place, target);
}

function say(step: string): void {
  process.stdout.write(`${step}\n`);
}

const [what = '', ...words] = process.argv.slice(2);
try {
  if (what === 'initramfs') await initramfsStep(words[0] ?? '', words[1] ?? '');
  else await build(JSON.parse(what) as CachePlan);
} catch (error) {
  process.stderr.write(`${reasonOf(error)}\n`);
  process.exitCode = 1;
}
