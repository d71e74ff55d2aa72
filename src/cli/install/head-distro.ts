// The distro for the first image of a new head: the head's own, from the repositories the head uses.
import { own } from '../../own.ts';
import type { Refused } from '../../refused.ts';

/** A step, as arguments of `muster`. */
export type Words = readonly string[];

/** `NAME=value` lines of os-release(5), with or without quotes. */
export function readOsRelease(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const [, name = '', double, single, plain = ''] of text.matchAll(/^([A-Z][A-Z0-9_]*)=(?:"(.*)"|'(.*)'|(.*))$/gm))
    fields.set(name, double ?? single ?? plain);
  return fields;
}

export function isDebianLike(os: ReadonlyMap<string, string>): boolean {
  return `${os.get('ID') ?? ''} ${os.get('ID_LIKE') ?? ''}`.split(' ').some(id => id === 'debian' || id === 'ubuntu');
}

/** The mirrors of Debian-like systems, for when apt names none. */
const USUAL_MIRRORS: Readonly<Record<string, string>> = {
  debian: 'http://deb.debian.org/debian',
  ubuntu: 'http://archive.ubuntu.com/ubuntu',
};

export interface HeadSystem {
  os: ReadonlyMap<string, string>;
  /** Lines of `apt-get indextargets`: URI, codename and component of each repository. */
  aptTargets: string;
  /** yum's repository files. */
  repoFiles: readonly string[];
}

/** Decides the commands that make the distro, or returns why none can be made. */
export function planDistro({ os, aptTargets, repoFiles }: HeadSystem): { steps: Words[]; distro: string } | Refused {
  const id = os.get('ID') ?? '';
  const distro = distroName(os.get('NAME') ?? '', id);
  if (isDebianLike(os)) {
    const codename = os.get('VERSION_CODENAME') ?? '';
    const uri = aptUri(aptTargets, codename) ?? own(USUAL_MIRRORS, id);
    if (codename === '' || uri === undefined)
      return { refused: 'the sources of apt name no repository of this release' };
    const repo = `${distro}_main`;
    return {
      distro,
      steps: [
        ['repo', 'create', `name=${repo}`, `urls=${uri}`],
        ['distro', 'create', `name=${distro}`, `release=${codename}`, `repos=${repo}`],
        ['cluster', '--set-distro', distro],
      ],
    };
  }
  const release = (os.get('VERSION_ID') ?? '').split('.')[0] ?? '';
  if (repoFiles.length === 0) return { refused: '/etc/yum.repos.d names no repository' };
  return {
    distro,
    steps: [
      ['distro', 'import', '--name', distro, '--release', release, ...repoFiles],
      ['cluster', '--set-distro', distro],
    ],
  };
}

/** `CentOS Stream` is CentOS, `Debian GNU/Linux` is Debian: the common name, as an object's name. */
function distroName(name: string, id: string): string {
  const word = name.split(/[\s/]/)[0] ?? '';
  return /^[A-Za-z][\w-]*$/.test(word) ? word : id || 'Default';
}

function aptUri(targets: string, codename: string): string | undefined {
  for (const line of targets.split('\n')) {
    const [uri = '', release, component] = line.trim().split(/\s+/);
    if (release === codename && component === 'main') return uri.replace(/\/$/, '');
  }
  return undefined;
}
