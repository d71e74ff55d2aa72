// Repositories as lines of sources.list(5).
import { MusterError } from '../../errors.ts';
import type { Recipe, Source } from './recipe.ts';

/**
 * `URL` is the release's suite with component main; `URL#SUITE/COMPONENT+COMPONENT` says otherwise. A URL that ends in `/` after
 * the suite is left out would be a flat repository, which has neither: `URL#./`. One that is not checked may be expired too, as archived
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
      throw new MusterError('not-ready', `The repo ${name} names no suite, and its distro has no release.`, {
        hint: 'muster distro -i NAME update release=bookworm; or urls=URL#SUITE/COMPONENT',
      });
    return `${deb} ${url} ${named} ${components.split('+').join(' ')}`;
  });
}
