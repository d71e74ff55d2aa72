// The URLs of an ISO-based repo: where this head serves the repositories in the image. They follow the image and the name.
import type { Kind, Value } from './kinds.ts';

/** Stands for the head in URLs that the head itself serves; replaced when they are used. */
export const BASE_URL = '<BASE_URL>';

/** Returns where the files of a repo's ISO image are, below the boot plane; with a trailing slash. */
export function isoPath(repo: string): string {
  return `/isomount/${encodeURIComponent(repo)}/`;
}

/** Returns a repo's value with the URLs of its image, if the image or the name is new, or no URL is given. Others stay unchanged. */
export function withIsoUrls<K extends Kind>(kind: K, value: Value<K>, before?: Value): Value<K> {
  if (kind !== 'repo') return value;
  const repo = value as Value<'repo'>;
  const old = before as Value<'repo'> | undefined;
  const isSame = old?.name === repo.name && old.iso?.sha256 === repo.iso?.sha256;
  if (isSame && !(repo.iso && repo.urls.length === 0)) return value;
  const stale = new Set([repo.name, old?.name ?? repo.name].map(name => BASE_URL + isoPath(name)));
  const others = repo.urls.filter(url => !Array.from(stale).some(base => url.startsWith(base)));
  const base = BASE_URL + isoPath(repo.name);
  const own = (repo.iso?.repositories ?? []).map(path => base + (path === '' ? '' : `${encodePath(path)}/`));
  return { ...repo, urls: [...own, ...others], ...(!repo.iso && { isolabel: '' }) } as Value<K>;
}

function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}
