// What an image is created from: a distro with its repositories, as the model has them, made ready for a package manager.
import { MusterError } from '../../errors.ts';

/** A repository. */
export interface Source {
  name: string;
  title: string;
  urls: readonly string[];
  mirrors: readonly string[];
  /** URLs of the keys that sign its packages. */
  keys: readonly string[];
  /** Whether a package without a good signature is refused. */
  check: boolean;
  /** Further options of a yum repository, `NAME=VALUE`. */
  options?: readonly string[];
}

export interface Recipe {
  /** The distro's name. */
  distro: string;
  /** What `$releasever` stands for; for apt the suite. */
  release: string;
  sources: readonly Source[];
  /** The architecture in RPM's words: `x86_64`. */
  arch: string;
}

/** The names by which distros and `--create` call package managers. */
const MANAGERS = ['dnf', 'yum', 'zypper', 'apt'] as const;
export type ManagerName = (typeof MANAGERS)[number];

/** A distro and its repos as the API shows them. */
export interface DistroFields {
  name: string;
  release: string;
  repos: readonly {
    name: string;
    full_name: string;
    urls: readonly string[];
    mirrors: readonly string[];
    keys: readonly string[];
    check: boolean;
    options?: readonly string[];
  }[];
}

/** `$releasever`, `$basearch` and `<BASE_URL>` filled in; a distro that cannot work is refused before anything is downloaded. */
export function makeRecipe(distro: DistroFields, head: { baseUrl: string; arch: string }): Recipe {
  const bad = (text: string, hint: string): MusterError => new MusterError('not-ready', text, { hint });
  if (distro.repos.length === 0)
    throw bad(
      `The distro ${distro.name} has no repos to take packages from.`,
      `muster distro -i ${distro.name} update repos=NAME`,
    );
  const fill = (repo: string, text: string): string => {
    if (/\$\{?releasever\b/.test(text) && distro.release === '')
      throw bad(
        `The repo ${repo} has $releasever in ${text}, and the distro ${distro.name} has no release for it.`,
        `muster distro -i ${distro.name} update release=VERSION`,
      );
    return text
      .replace(/^<BASE_URL>/, head.baseUrl)
      .replace(/\$\{?releasever\b\}?/g, distro.release)
      .replace(/\$\{?basearch\b\}?/g, head.arch);
  };
  const sources = distro.repos.map(repo => {
    const filled = (list: readonly string[]): string[] => list.map(text => fill(repo.name, text));
    if (repo.urls.length + repo.mirrors.length === 0)
      throw bad(`The repo ${repo.name} has no URL.`, `muster repo -i ${repo.name} update urls=URL`);
    for (const isMeta of [true, false])
      if (repo.mirrors.filter(url => isMetalink(url) === isMeta).length > 1)
        throw bad(
          `The repo ${repo.name} has several ${isMeta ? 'metalinks' : 'lists of mirrors'}, and a repository takes one.`,
          `muster repo -i ${repo.name} update mirrors=URL`,
        );
    return {
      name: repo.name,
      title: repo.full_name || repo.name,
      urls: filled(repo.urls),
      mirrors: filled(repo.mirrors),
      keys: filled(repo.keys),
      check: repo.check,
      options: repo.options ?? [],
    };
  });
  return { distro: distro.name, release: distro.release, sources, arch: head.arch };
}

/** Whether a list of mirrors is a metalink: by its URL, as libdnf tells it. */
export const isMetalink = (url: string): boolean => url.includes('metalink');
