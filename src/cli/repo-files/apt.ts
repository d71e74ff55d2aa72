// apt's lists of sources (sources.list(5)): one line each, or paragraphs (deb822). Reports every word that it does not understand.
import { MusterError } from '../../errors.ts';
import { own } from '../../own.ts';
import { objectName, type RepoFields, type Tell } from './fields.ts';

/** A line or a paragraph: its values, by the option names used in lines. */
interface Entry {
  where: string;
  types: string[];
  uris: string[];
  suites: string[];
  components: string[];
  options: Map<string, string>;
}

/** Field names of paragraphs that differ from the option names of lines. */
const FIELDS: Readonly<Record<string, string>> = {
  architectures: 'arch',
  languages: 'lang',
  targets: 'target',
};

/** Options about how, not which, packages are fetched: no file of an image keeps them. */
const FETCHING = new Set(['arch', 'lang', 'target', 'pdiffs', 'by-hash', 'x-repolib-name', 'description']);

export const isAptFile = (text: string, source: string): boolean =>
  /\.sources$/.test(source) || /^\s*(?:deb|deb-src)\s|^(?:Types|URIs|Suites)\s*:/im.test(text);

/** Returns the package sources as repos, and the suite of the first. Errors: `bad-value`. */
export function readAptFile(text: string, source: string, tell: Tell): { repos: RepoFields[]; suite: string } {
  const entries = /^(?:Types|URIs|Suites)\s*:/im.test(text) ? paragraphs(text, source, tell) : lines(text, source);
  const repos: RepoFields[] = [];
  const suites: string[] = [];
  for (const entry of entries) {
    if (!isUsed(entry, tell)) continue;
    repos.push(...reposOf(entry, tell));
    suites.push(...entry.suites);
  }
  // Two may have the same suite, so the name distinguishes them.
  for (const [at, repo] of repos.entries()) {
    const namesakes = repos.slice(0, at).filter(({ name }) => name.replace(/_\d+$/, '') === repo.name).length;
    if (namesakes > 0) repo.name = `${repo.name}_${namesakes + 1}`;
  }
  return { repos, suite: suites[0] ?? '' };
}

/** Returns whether an image can use an entry; removes its URIs of discs, which apt reads from this machine's drive. */
function isUsed(entry: Entry, tell: Tell): boolean {
  if (!entry.types.includes('deb')) {
    tell(`${entry.where}: it has sources of packages only; left out`);
    return false;
  }
  const isDisc = (uri: string): boolean => uri.startsWith('cdrom:');
  const disc = entry.uris.find(isDisc);
  if (disc !== undefined) tell(`${entry.where}: ${disc} is a disc in this machine's drive; left out`);
  entry.uris = entry.uris.filter(uri => !isDisc(uri));
  return entry.uris.length > 0;
}

const bad = (where: string, why: string): MusterError => new MusterError('bad-value', `${where}: ${why}.`);

/** `deb [ option=value … ] URI SUITE COMPONENT…`; a `#` begins a comment. */
function lines(text: string, source: string): Entry[] {
  return text.split(/\r?\n/).flatMap((whole, at) => {
    const line = whole.replace(/#.*/, '').trim();
    if (line === '') return [];
    const where = `${source}:${at + 1}`;
    const [, type = '', bracket, rest = ''] = /^(deb|deb-src)\s+(?:\[([^\]]*)\]\s*)?(.*)$/.exec(line) ?? [];
    // apt's ParseQuoteWord: brackets may hold blanks, as in `cdrom:[Debian 12 NETINST]/`
    const [uri = '', suite = '', ...components] = rest.match(/(?:\[[^\]]*\]|\S)+/g) ?? [];
    if (type === '' || uri === '' || suite === '') throw bad(where, `'${line}' is not 'deb URI SUITE COMPONENTS'`);
    const options = new Map<string, string>();
    for (const word of (bracket ?? '').split(/\s+/).filter(Boolean)) {
      const [, name = '', sign = '', value = ''] = /^([\w-]+)([+-]?=)(.*)$/.exec(word) ?? [];
      if (name === '' || sign !== '=') throw bad(where, `the option '${word}' is not known`);
      options.set(name.toLowerCase(), value);
    }
    return [{ where, types: [type], uris: [uri], suites: [suite], components, options }];
  });
}

/** Reads paragraphs of `Name: value`; an indented line continues the value (deb822(5)). */
function paragraphs(text: string, source: string, tell: Tell): Entry[] {
  const entries: Entry[] = [];
  let fields = new Map<string, string>();
  let [first, last] = [1, ''];
  const end = (): void => {
    const words = (name: string): string[] => (fields.get(name) ?? '').split(/\s+/).filter(Boolean);
    const where = `${source}:${first}`;
    const enabled = fields.get('enabled') ?? 'yes';
    if (fields.size > 0 && !isYes(enabled, where, 'Enabled')) tell(`${where}: it is not enabled; left out`);
    else if (fields.size > 0) {
      const [types, uris, suites] = [words('types'), words('uris'), words('suites')];
      for (const [name, list] of Object.entries({ Types: types, URIs: uris, Suites: suites }))
        if (list.length === 0) throw bad(where, `the paragraph has no ${name}`);
      for (const type of types) if (!/^deb(-src)?$/.test(type)) throw bad(where, `the type '${type}' is not known`);
      const known = ['types', 'uris', 'suites', 'components', 'enabled'];
      const options = new Map([...fields].filter(([name]) => !known.includes(name)));
      entries.push({ where, types, uris, suites, components: words('components'), options });
    }
    [fields, last] = [new Map(), ''];
  };
  for (const [at, line] of text.split(/\r?\n/).entries()) {
    if (line.startsWith('#')) continue;
    if (line.trim() === '') {
      end();
      continue;
    }
    if (fields.size === 0) first = at + 1;
    const [, name = '', value = ''] = /^([^\s:]+)\s*:\s*(.*?)\s*$/.exec(line) ?? [];
    if (/^\s/.test(line) && last !== '') fields.set(last, `${fields.get(last) ?? ''}\n${line.trim()}`.trim());
    else if (name === '') throw bad(`${source}:${at + 1}`, `'${line}' is not 'Name: value'`);
    else {
      last = own(FIELDS, name.toLowerCase()) ?? name.toLowerCase();
      if (fields.has(last)) throw bad(`${source}:${at + 1}`, `${name} appears twice`);
      fields.set(last, value);
    }
  }
  end();
  return entries;
}

function isYes(value: string, where: string, name: string): boolean {
  // apt's StringToBool
  if (/^(yes|true|with|on|enable|1)$/i.test(value)) return true;
  if (/^(no|false|without|off|disable|0)$/i.test(value)) return false;
  throw bad(where, `${name}: ${value} is neither yes nor no`);
}

function reposOf({ where, uris, suites, components, options }: Entry, tell: Tell): RepoFields[] {
  let check = true;
  let keys: string[] = [];
  for (const [name, value] of options) {
    if (name === 'trusted') check = !isYes(value, where, 'trusted');
    else if (name === 'signed-by') keys = keysOf(value, where);
    else if (name === 'allow-insecure' && !isYes(value, where, name)) continue;
    else if (FETCHING.has(name))
      tell(`${where}: ${name} is not kept, because it only affects how packages are fetched`);
    else
      throw bad(
        where,
        `${name}=${value.split('\n')[0]} is not understood; remove it, or create the repo with 'muster repo create'`,
      );
  }
  return suites.map(suite => ({
    name: objectName(`${(uris[0] ?? '').replace(/\/+$/, '').split('/').at(-1) ?? ''}_${suite.replace(/\/+$/, '')}`),
    urls: uris.map(uri => urlOf(uri, suite, components, where)),
    ...(keys.length > 0 && { keys }),
    check,
  }));
}

/** In the form of the field `urls`: `URL#SUITE/COMPONENT+COMPONENT`, or `URL#./` of a flat repository. */
function urlOf(uri: string, suite: string, components: readonly string[], where: string): string {
  if (!/^(https?|ftp|file):/.test(uri))
    throw bad(where, `${uri} is not a URL that muster can use (http, https, ftp, file)`);
  const url = uri.replace(/^file:(?=\/(?!\/))/, 'file://');
  if (!suite.endsWith('/')) {
    if (components.length === 0) throw bad(where, `the suite ${suite} has no components`);
    return `${url}#${suite}/${components.join('+')}`;
  }
  if (components.length > 0) throw bad(where, `the path ${suite} takes no components`);
  const path = `${url.replace(/\/+$/, '')}/${suite.replace(/^\.?\/+|^\.\/$/, '')}`;
  return `${path.replace(/\/*$/, '/')}#./`;
}

/** Paths of key files, with commas or blanks between. */
function keysOf(value: string, where: string): string[] {
  if (value.includes('BEGIN PGP'))
    throw bad(where, 'Signed-By contains the key itself; write it to a file and name the file');
  return value
    .split(/[\s,]+/)
    .filter(Boolean)
    .map(path => {
      if (!path.startsWith('/'))
        throw bad(where, `Signed-By: ${path} is not the path of a key file; muster does not keep fingerprints`);
      return `file://${path}`;
    });
}
