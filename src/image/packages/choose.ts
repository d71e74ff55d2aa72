// Chooses the package manager for images of a distro, and finds the one an image has.
import { existsSync } from 'node:fs';
import { MusterError } from '../../errors.ts';
import { ImageRoot } from '../image-root.ts';
import { apt } from './apt.ts';
import { sourceLines } from './apt-sources.ts';
import { dnf, yum } from './dnf.ts';
import { VARIABLE } from './dnf-failure.ts';
import { ask, NO_ANSWER, whyNot } from './fetching.ts';
import { type PackageManager, packageSystem } from './manager.ts';
import type { ManagerName, Recipe, Source } from './recipe.ts';
import { zypper } from './zypper.ts';

const BY_NAME: Record<ManagerName, PackageManager> = { dnf, yum, zypper, apt };

/** Uses the distro's setting, else what the first repository that answers has. */
export async function managerFor(name: string, recipe: Recipe): Promise<PackageManager> {
  if (name !== '') return BY_NAME[name as ManagerName];
  const faults: string[] = [];
  for (const source of recipe.sources) {
    for (const url of source.urls) {
      // Variables other than a recipe's ($contentdir) belong to yum, which has their values.
      if (VARIABLE.test(url)) return isSuse() ? zypper : dnf;
      const base = (url.split('#')[0] ?? '').replace(/\/?$/, '/');
      const found: [string, PackageManager][] = [[`${base}repodata/repomd.xml`, isSuse() ? zypper : dnf]];
      for (const place of releaseFiles(url, source, recipe)) found.push([`${base}${place}`, apt]);
      for (const [file, manager] of found) {
        const fault = await faultOf(file);
        if (fault === undefined) return manager;
        faults.push(`${file}: ${fault}`);
        // Does not wait for more files of a server that does not answer.
        if (fault.startsWith(NO_ANSWER)) break;
      }
    }
  }
  // Only yum has lists of mirrors.
  if (faults.length === 0) return dnf;
  const asked = recipe.sources.filter(({ urls }) => urls.length > 0).map(source => source.name);
  const [repo = ''] = asked;
  throw new MusterError(
    'not-ready',
    `The ${asked.length === 1 ? 'repo' : 'repos'} ${asked.join(', ')} cannot be read, or of unknown kind: ${faults.join('; ')}`,
    {
      hint: `Correct the URL: muster repo -i ${repo} update urls=URL; or set the kind: muster distro -i ${recipe.distro} update package_manager=dnf|yum|apt|zypper`,
    },
  );
}

/** Returns the path of the signed list of an apt repository, below its URL. */
function releaseFiles(url: string, source: Source, recipe: Recipe): string[] {
  if (url.endsWith('#./')) return ['InRelease', 'Release'];
  if (recipe.release === '' && !url.includes('#')) return ['Release'];
  const suite = sourceLines({ ...source, urls: [url] }, recipe)[0]
    ?.replace(/^deb (?:\[.*\] )?/, '')
    .split(' ')[1];
  return [`dists/${suite}/InRelease`, `dists/${suite}/Release`];
}

function isSuse(): boolean {
  return existsSync('/usr/bin/zypper') && !hasDnf();
}

function hasDnf(): boolean {
  return existsSync('/usr/bin/dnf') || existsSync('/usr/bin/yum');
}

/** Returns why a file cannot be fetched; undefined when it can. */
async function faultOf(url: string): Promise<string | undefined> {
  if (url.startsWith('file://')) return existsSync(url.slice('file://'.length)) ? undefined : 'there is no such file';
  try {
    const answer = await ask(url);
    await answer.body?.cancel();
    return answer.ok ? undefined : `the server answers ${answer.status}`;
  } catch (error) {
    return whyNot(url, error);
  }
}

/** Returns the package manager of an image; throws `image-lacks` when it has none. */
export async function managerInside(root: string): Promise<PackageManager> {
  const system = await packageSystem(root);
  if (system === 'dpkg') return apt;
  const image = new ImageRoot(root);
  if (system === 'rpm') return (await image.has('/usr/bin/zypper')) || (await image.has('/etc/zypp')) ? zypper : dnf;
  throw new MusterError('image-lacks', 'The image has no package database: neither dpkg nor RPM made it.');
}
