// The recipe of an image: a distro with its repositories from the model, prepared for a package manager.
import { MusterError } from '../../errors.ts';

/** A repository. */
export interface Source {
  name: string;
  title: string;
  urls: readonly string[];
  mirrors: readonly string[];
  /** URLs of the keys that sign its packages. */
  keys: readonly string[];
  /** Whether to reject packages without a valid signature. */
  check: boolean;
  /** Further options of a yum repository, `NAME=VALUE`. */
  options?: readonly string[];
}

export interface Recipe {
  /** The distro's name. */
  distro: string;
  /** The value of `$releasever`; for apt the suite. */
  release: string;
  sources: readonly Source[];
  /** The architecture in RPM's words: `x86_64`. */
  arch: string;
}

/** The names of package managers in distros and for `--create`. */
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

/** `$releasever`, `$basearch` and `<BASE_URL>` filled in; refuses a distro that cannot work before anything is downloaded. */
export function makeRecipe(distro: DistroFields, head: { baseUrl: string; arch: string }): Recipe {
  const bad = (text: string, hint: string): MusterError => new MusterError('not-ready', text, { hint });
  if (distro.repos.length === 0)
    throw bad(
      `The distro ${distro.name} has no repos to install packages from.`,
      `muster distro -i ${distro.name} update repos=NAME`,
    );
  const fill = (repo: string, text: string): string => {
    if (/\$\{?releasever\b/.test(text) && distro.release === '')
      throw bad(
        `The repo ${repo} has $releasever in ${text}, but the distro ${distro.name} has no release.`,
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
          `The repo ${repo.name} has several ${isMeta ? 'metalinks' : 'lists of mirrors'}, but a repository can have only one.`,
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

/** Returns whether a list of mirrors is a metalink, by its URL, like libdnf. */
export const isMetalink = (url: string): boolean => url.includes('metalink');
