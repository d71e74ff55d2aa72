// Decides what could be at the cursor, from the table of nouns and, for names, from the daemon.
import type { Kind } from '../model/kind-words.ts';
import { SHIPPED_SETS } from '../model/shipped-sets.ts';
import { bootStyles, fieldDataOf, fileFieldsOf, reservedNames } from './commands.ts';
import { sharedOptions, spellings } from './options.ts';
import type { Action, Noun, Option, Takes } from './table.ts';

/** Queries the daemon; returns nothing if it does not answer. */
export interface Lookups {
  names(kind: Kind, prefix: string): Promise<string[]>;
  attributes(): Promise<string[]>;
  /** The paths of the files in a file set. */
  paths(set: string, prefix: string): Promise<string[]>;
}

/** Means "files of this machine"; the text after it is a prefix for each of them. */
export const FILES = '@files';

interface Place {
  noun: Noun | undefined;
  action: Action | undefined;
  /** The option whose value comes next. */
  pending: Option | undefined;
  /** Words after the action. */
  words: string[];
}

/** Returns the candidates for the last word; a trailing `=` or `,` means that more follows. */
export async function complete(nouns: readonly Noun[], words: readonly string[], lookups: Lookups): Promise<string[]> {
  const current = words.at(-1) ?? '';
  const place = walk(nouns, words.slice(0, -1));
  const found = await candidates(nouns, place, current, lookups);
  return [...new Set(found)].filter(candidate => candidate.startsWith(FILES) || candidate.startsWith(current));
}

/** Returns the noun, action and option that the words before the cursor have reached. */
function walk(nouns: readonly Noun[], before: readonly string[]): Place {
  const place: Place = { noun: undefined, action: undefined, pending: undefined, words: [] };
  for (const word of before) {
    const optional = place.pending && spellings(place.pending).value === 'optional';
    if (place.pending && !(optional && word.startsWith('-'))) {
      place.pending = undefined;
      continue;
    }
    place.pending = undefined;
    if (word.startsWith('-')) {
      const option = optionsAt(place).find(row => spellings(row).all.includes(word));
      if (option && spellings(option).value !== 'none') place.pending = option;
    } else if (!place.noun) place.noun = named(nouns, word);
    else if (!place.action) enter(place, place.noun, word);
    else place.words.push(word);
  }
  return place;
}

function enter(place: Place, noun: Noun, word: string): void {
  const below = named(noun.nouns ?? [], word);
  if (below) place.noun = below;
  else place.action = named(noun.actions, word) ?? (noun.run?.words ? noun.run : undefined);
  if (place.action === noun.run && noun.run) place.words.push(word);
}

function named<T extends { name: string; aliases?: string[] }>(rows: readonly T[], word: string): T | undefined {
  return rows.find(row => row.name === word || row.aliases?.includes(word));
}

function optionsAt({ noun, action }: Place): Option[] {
  if (!noun) return [];
  return [...(action?.options ?? noun.run?.options ?? []), ...sharedOptions(noun)];
}

async function candidates(nouns: readonly Noun[], place: Place, current: string, lookups: Lookups): Promise<string[]> {
  const { noun, action, pending } = place;
  const kind = noun?.kind ?? 'node';
  if (pending && !(current.startsWith('-') && spellings(pending).value === 'optional'))
    return values(pending.takes, kind, current, '', lookups);
  if (current.startsWith('-')) return options(place, current, kind, lookups);
  if (!noun) return namesOf(nouns, current);
  if (action?.takes === 'set-paths' || action?.takes === 'set-file')
    return inSet(action, place.words, current, lookups);
  if (action && kind === 'files' && action.takes === 'names') return setNames(action, current, lookups);
  if (action) return values(action.takes, kind, current, '', lookups);
  const below = namesOf([...noun.actions, ...(noun.nouns ?? [])], current);
  return noun.run?.takes ? [...below, ...(await values(noun.run.takes, kind, current, '', lookups))] : below;
}

/** Returns names; aliases only if no name matches. */
function namesOf(rows: readonly { name: string; aliases?: string[] }[], current: string): string[] {
  const names = rows.map(row => row.name);
  if (names.some(name => name.startsWith(current))) return names;
  return rows.flatMap(row => row.aliases ?? []);
}

/** Completes `--fi`, and values in the same word: `--ids=n`, `-in`. */
async function options(place: Place, current: string, kind: Kind, lookups: Lookups): Promise<string[]> {
  const rows = optionsAt(place);
  const glued = rows.flatMap(row => {
    const { all, value } = spellings(row);
    if (value === 'none') return [];
    const begin = all
      .map(spelling => (spelling.startsWith('--') ? `${spelling}=` : spelling))
      .find(spelling => current.startsWith(spelling) && current.length > (spelling.startsWith('--') ? 0 : 1));
    return begin === undefined ? [] : [{ row, begin }];
  })[0];
  // `-i` alone may also become `-i` with a space.
  const spelled = rows.flatMap(row => spellings(row).all.filter(text => text.startsWith('--') || current === text));
  if (!glued || (glued.begin === current.slice(0, 2) && current.length === 2)) return spelled;
  return values(glued.row.takes, kind, current.slice(glued.begin.length), glued.begin, lookups);
}

/** Returns the possible values of a word, each with the text before it. */
async function values(
  takes: Takes | undefined,
  kind: Kind,
  current: string,
  before: string,
  lookups: Lookups,
): Promise<string[]> {
  const prefixed = (texts: readonly string[]): string[] => texts.map(text => before + text);
  if (takes === undefined) return [];
  if (takes === 'files') {
    const at = current.startsWith('@') ? '@' : '';
    return [`${FILES}${before}${at}`];
  }
  if (takes === 'set-paths' || takes === 'set-file') return [];
  if (takes === 'names') return prefixed(await objectNames(kind, current, lookups));
  if (takes === 'fields')
    return prefixed(
      inList(
        current,
        fieldDataOf(kind).map(row => row.name),
      ),
    );
  if (takes === 'stored-files') return prefixed(fileFieldsOf(kind));
  if (takes === 'assignments') return assignment(kind, current, lookups);
  if (takes === 'attributes') return attribute(current, lookups);
  if (takes === 'update')
    return [...(await attribute(current, lookups)), ...(await assignment('boot', current, lookups))];
  if (takes === 'attribute-names') return [...reservedNames(), ...(await lookups.attributes())];
  if ('words' in takes) return prefixed(takes.words);
  return prefixed(await objectNames(takes.names, current, lookups));
}

/** Returns the names of file sets, then the paths in the set that was named. */
async function inSet(action: Action, words: readonly string[], current: string, lookups: Lookups): Promise<string[]> {
  const [set] = words;
  if (set === undefined) return setNames(action, current, lookups);
  if (action.takes === 'set-file' && words.length > 1) return [FILES];
  // Paths in a set are absolute, and people write them without the first slash as well.
  const isAbsolute = current.startsWith('/');
  const paths = await lookups.paths(set, isAbsolute ? current : `/${current}`);
  return isAbsolute ? paths : paths.map(path => path.slice(1));
}

/** Actions for file sets that come with muster too: they change nothing in the set. */
const FOR_SHIPPED: ReadonlySet<string> = new Set(['cat', 'clone', 'diff', 'export', 'list', 'show']);

async function setNames({ name }: Pick<Action, 'name'>, current: string, lookups: Lookups): Promise<string[]> {
  return FOR_SHIPPED.has(name) ? allSetNames(current, lookups) : lookups.names('files', current);
}

async function allSetNames(current: string, lookups: Lookups): Promise<string[]> {
  const shipped = Object.keys(SHIPPED_SETS).filter(name => name.startsWith(current));
  return [...(await lookups.names('files', current)), ...shipped];
}

async function objectNames(kind: Kind, current: string, lookups: Lookups): Promise<string[]> {
  if (kind === 'node' && current.startsWith('%'))
    return (await lookups.names('attrib', current.slice(1))).map(name => `%${name}`);
  return lookups.names(kind, current);
}

/** Returns the last item of a list with commas. */
function inList(current: string, texts: readonly string[]): string[] {
  const done = current.slice(0, current.lastIndexOf(',') + 1);
  return texts.map(text => done + text);
}

async function assignment(kind: Kind, current: string, lookups: Lookups): Promise<string[]> {
  const rows = fieldDataOf(kind).filter(row => !row.isReadOnly);
  const [, name, given = ''] = /^([^=]+)=(.*)$/.exec(current) ?? [];
  if (name === undefined) return rows.map(row => `${row.name}=`);
  const row = rows.find(field => field.name === name);
  if (!row) return [];
  if (row.isFile) return given.startsWith('@') ? [`${FILES}${name}=@`] : [`${name}=@`];
  if (row.refers) {
    const last = given.slice(given.lastIndexOf(',') + 1);
    return inList(given, await lookups.names(row.refers, last)).map(text => `${name}=${text}`);
  }
  return row.choices.map(choice => `${name}=${choice}`);
}

async function attribute(current: string, lookups: Lookups): Promise<string[]> {
  const [, name, given = ''] = /^([^=]+)=(.*)$/.exec(current) ?? [];
  if (name === undefined) {
    const used = current.startsWith('_') ? [] : await lookups.attributes();
    return [...reservedNames(), ...used].map(text => `${text}=`);
  }
  const choices: Record<string, () => Promise<readonly string[]>> = {
    _boot_config: async () => lookups.names('boot', given),
    _boot_style: async () => bootStyles(),
    _file_sets: async () => fileSetList(given, lookups),
    _boot_rw_layer: async () => ['overlayfs', 'rwtab'],
  };
  return ((await choices[name]?.()) ?? []).map(choice => `${name}=${choice}`);
}

/** `-NAME` leaves a set out. */
async function fileSetList(given: string, lookups: Lookups): Promise<string[]> {
  const [, done = '', minus = '', begin = ''] = /^(.*,)?(-?)([^,]*)$/.exec(given) ?? [];
  return (await allSetNames(begin, lookups)).map(name => `${done}${minus}${name}`);
}
