// `list`, which every kind of object has: names, fields, tables, data.
import { OBJECTS, type Shown } from '../api/objects.ts';
import { KIND_WORDS } from '../model/kind-words.ts';
import { checkFields, isForPrograms, printList } from './listing.ts';
import { isOverview, printOverview } from './overview.ts';
import { chosen } from './selection.ts';
import { action, type Context, type Given, type Option, type OptionsOf } from './table.ts';

/** @param more parameters of the request besides the selection */
export async function fetchShown(
  { client, given, kind }: Context,
  words: readonly string[] = [],
  more: { secrets?: string } = {},
): Promise<Shown[]> {
  return client.call(OBJECTS.list, { kind, query: { ...chosen(given, words), ...more } });
}

export const SHOW_PASSWORDS = {
  flags: '--show-passwords',
  meaning: 'show passwords in power_uri, attributes and URLs instead of stars',
} as const satisfies Option;

export const LIST_OPTIONS = [
  { flags: '-l, --long', meaning: 'show the fields of each object' },
  { flags: '-L, --long-long', meaning: 'show all that muster knows about each object' },
  SHOW_PASSWORDS,
] as const satisfies readonly Option[];

/** Shows passwords on request. */
export function secrets({ options }: Given<OptionsOf<readonly [typeof SHOW_PASSWORDS]>>): { secrets?: string } {
  return options.showPasswords === true ? { secrets: 'true' } : {};
}

export const list = action({
  name: 'list',
  aliases: ['ls'],
  words: '[names...]',
  takes: 'names',
  summary: 'list the selected objects, or all; with -q only their names',
  options: LIST_OPTIONS,
  async run(context) {
    const { terminal, given, kind } = context;
    checkFields(kind, given.fields);
    const objects = await fetchShown(context, given.words, secrets(given));
    const { long, longLong } = given.options;
    if (!long && !longLong && !isForPrograms(given) && isOverview(context)) {
      printOverview(context, objects);
      return 0;
    }
    const detail = longLong ? 'full' : long ? 'long' : 'names';
    printList(terminal, given, objects, { title: KIND_WORDS[kind].title, kind, detail, now: Date.now() });
    return 0;
  },
});
