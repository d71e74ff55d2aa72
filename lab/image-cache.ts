// The lab's image, kernel and initramfs: built once per version, kept in the user's cache, safe with several labs at once.
import { existsSync, statSync } from 'node:fs';
import { mkdir, readdir, rm, stat, utimes } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { MusterError } from '../src/errors.ts';
import { HEAD_BUSYBOXES } from '../src/image/mkramfs.ts';
import { DIES_WITH_PARENT, run } from '../src/process/run.ts';
import { SYSTEM_PATH } from './process.ts';
import { bootVersion, labRecipe, type Recipe, rootVersion } from './recipe.ts';

/** Where the parts of one version are, or will be. */
export interface CachePlan {
  folder: string;
  /** What the image has. */
  recipe: Recipe;
  /** Whether the builder is root (else: root in a user namespace, with one user). */
  root: boolean;
  image: string;
  kernel: string;
  initramfs: string;
}

/** A version unused for this long is removed, and versions beyond this many of a kind, the oldest first. */
const UNUSED_MS = 30 * 24 * 3_600_000;
const KEPT = 5;

/** Where the lab keeps what the next one can reuse. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  return join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'muster', 'lab');
}

/** Returns where the image of a recipe is, or will be. */
export function cachePlan(recipe: Recipe, root = process.getuid?.() === 0): CachePlan {
  const folder = cacheFolder();
  const image = rootVersion(recipe, root);
  // The head's own busybox is included in the initramfs: with another one, or none, it is another version.
  const busyboxes = HEAD_BUSYBOXES.map(path => `${path} ${statSync(path, { throwIfNoEntry: false })?.size}`);
  const boot = `boot-${bootVersion([image, ...busyboxes].join('\n'))}`;
  return {
    folder,
    recipe,
    root,
    image: join(folder, `image-${image}`, 'root.squashfs'),
    kernel: join(folder, boot, 'kernel'),
    initramfs: join(folder, boot, 'initramfs'),
  };
}

/** Builds what is missing; the first time takes about a minute and needs the packages' mirror. */
export async function ensureImage(
  onStep: (step: string) => void = () => {},
  signal?: AbortSignal,
  plan = cachePlan(labRecipe()),
): Promise<CachePlan> {
  if (!isWhole(plan)) {
    await mkdir(plan.folder, { recursive: true });
    await buildAlone(plan, onStep, signal);
  }
  await touch(plan);
  return plan;
}

function isWhole(plan: CachePlan): boolean {
  return existsSync(plan.image) && existsSync(plan.initramfs);
}

/** `flock` allows one build at a time; the kernel releases the lock when the build is killed. */
async function buildAlone(plan: CachePlan, onStep: (step: string) => void, signal?: AbortSignal): Promise<void> {
  const lock = ['flock', join(plan.folder, 'lock')];
  const builder = [process.execPath, join(import.meta.dirname, 'image-build.js'), JSON.stringify(plan)];
  const [program = '', ...args] = [
    ...DIES_WITH_PARENT,
    ...lock,
    ...DIES_WITH_PARENT,
    ...(await alone(plan)),
    ...builder,
  ];
  try {
    const { status, stderr } = await run(program, args, {
      package: 'util-linux',
      env: { PATH: SYSTEM_PATH },
      ...(signal && { signal }),
      onLine: (line, stream) => {
        if (stream === 'stdout') onStep(line);
      },
    });
    if (status === 0 && isWhole(plan)) return;
    const reason = stderr.trim().split('\n').slice(-15).join('\n') || `the builder ended with status ${status}`;
    throw new MusterError('tool-failed', `The lab's image could not be built: ${reason}`);
  } catch (error) {
    await run('flock', [join(plan.folder, 'lock'), 'rm', '-rf', join(plan.folder, 'tmp')]);
    throw error;
  }
}

/** Returns arguments before the builder that put it into a process namespace: when it is killed, everything it started ends with it. */
async function alone(plan: CachePlan): Promise<string[]> {
  // In a user namespace the pretended owners of `fakechroot` cannot be set: there its parts end by their broken pipes.
  if (!plan.root) return [];
  const words = ['unshare', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const [program = '', ...args] = words;
  // Some containers cannot mount /proc; the build works there too, it is only harder to kill.
  const { status } = await run(program, [...args, 'true'], { package: 'util-linux' });
  return status === 0 ? words : [];
}

/** Records the use, and removes versions unused for long. */
async function touch(plan: CachePlan): Promise<void> {
  const now = new Date();
  for (const file of [plan.image, plan.initramfs]) await utimes(dirname(file), now, now).catch(() => {});
  for (const kind of ['image-', 'boot-']) {
    for (const folder of await outdated(plan.folder, kind, now.getTime()))
      await rm(folder, { recursive: true, force: true });
  }
}

async function outdated(parent: string, kind: string, now: number): Promise<string[]> {
  const names = (await readdir(parent)).filter(name => name.startsWith(kind));
  const versions: { folder: string; used: number }[] = [];
  for (const name of names) {
    const folder = join(parent, name);
    const found = await stat(folder).catch(() => undefined);
    if (found) versions.push({ folder, used: found.mtimeMs });
  }
  versions.sort((left, right) => right.used - left.used);
  return versions.filter(({ used }, place) => place >= KEPT || now - used > UNUSED_MS).map(({ folder }) => folder);
}
