// Repositories as lines of sources.list(5).
import { MusterError } from '../../errors.ts';
import type { Recipe, Source } from './recipe.ts';

/**
 * `URL` means the release's suite with component main; `URL#SUITE/COMPONENT+COMPONENT` overrides both. A URL that ends in `/` after
 * the suite is left out would be a flat repository, which has neither: `URL#./`. An unchecked one may also be expired, as archived
 * releases are (sources.list(5), options).
 */
export function sourceLines({ name, urls, check }: Source, { release }: Pick<Recipe, 'release'>): string[] {
  const deb = check ? 'deb' : 'deb [trusted=yes check-valid-until=no]';
  return urls.map(text => {
    const [url = '', fragment = ''] = text.split('#');
    if (fragment === './') return `${deb} ${url} ./`;
    // A suite may contain a slash (`buster/updates`), a component does not.
    const slash = fragment.lastIndexOf('/');
    const suite = slash < 0 ? fragment : fragment.slice(0, slash);
    const components = slash < 0 ? 'main' : fragment.slice(slash + 1);
    const named = suite || release;
    if (named === '')
      throw new MusterError('not-ready', `The repo ${name} names no suite and its distro has no release.`, {
        hint: 'Set the release: muster distro -i NAME update release=bookworm; or the suite in the repo: urls=URL#SUITE/COMPONENT',
      });
    return `${deb} ${url} ${named} ${components.split('+').join(' ')}`;
  });
}
