// Which package manager makes images of a distro, and which one an image has.
import { existsSync } from 'node:fs';
import { MusterError } from '../../errors.ts';
import { insideRoot } from '../inside-root.ts';
import { apt, sourceLines } from './apt.ts';
import { dnf, yum } from './dnf.ts';
import { type PackageManager, packageSystem } from './manager.ts';
import type { ManagerName, Recipe } from './recipe.ts';
import { zypper } from './zypper.ts';

const BY_NAME: Record<ManagerName, PackageManager> = { dnf, yum, zypper, apt };

/** What is waited for an answer of a repository, in milliseconds. */
const PROBE_MS = 15_000;

/** The distro's own word, else by what its first repository has. */
export async function managerFor(name: string, recipe: Recipe): Promise<PackageManager> {
  if (name !== '') return BY_NAME[name as ManagerName];
  const url = recipe.sources.flatMap(({ urls }) => urls)[0];
  // Lists of mirrors are yum's.
  if (url === undefined) return dnf;
  const base = (url.split('#')[0] ?? '').replace(/\/?$/, '/');
  if (await isThere(`${base}repodata/repomd.xml`)) return existsSync('/usr/bin/zypper') && !hasDnf() ? zypper : dnf;
  const [source] = recipe.sources;
  const suite = source && recipe.release !== '' ? sourceLines(source, recipe)[0]?.split(' ').at(-2) : undefined;
  for (const place of suite ? [`dists/${suite}/InRelease`, `dists/${suite}/Release`] : ['Release'])
    if (await isThere(base + place)) return apt;
  throw new MusterError(
    'not-ready',
    `The repo ${source?.name} cannot be reached at ${url}, or is of no kind that is known.`,
    {
      hint: `Correct it: muster repo -i ${source?.name} update urls=URL; or name the kind: muster distro -i ${recipe.distro} update package_manager=dnf|yum|apt|zypper`,
    },
  );
}

function hasDnf(): boolean {
  return existsSync('/usr/bin/dnf') || existsSync('/usr/bin/yum');
}

async function isThere(url: string): Promise<boolean> {
  if (url.startsWith('file://')) return existsSync(url.slice('file://'.length));
  try {
    const answer = await fetch(url, { method: 'HEAD', signal: AbortSignal.timeout(PROBE_MS) });
    return answer.ok;
  } catch {
    return false;
  }
}

/** The package manager for what an image has; `image-lacks` when it has none. */
export async function managerInside(root: string): Promise<PackageManager> {
  const system = await packageSystem(root);
  if (system === 'dpkg') return apt;
  if (system === 'rpm')
    return (await insideRoot(root, '/usr/bin/zypper')) || (await insideRoot(root, '/etc/zypp')) ? zypper : dnf;
  throw new MusterError('image-lacks', 'The image has no package database: neither dpkg nor RPM made it.');
}
