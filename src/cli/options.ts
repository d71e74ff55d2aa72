// The options that every command has, before or after its action.
import type { Kind } from '../model/kind-words.ts';
import type { Noun, Option } from './table.ts';

export const DEFAULT_SOCKET = '/run/musterd/admin.sock';

export const COMMON_GROUP = 'Common options:';

export const COMMON_OPTIONS: readonly Option[] = [
  {
    flags: '--socket <path>',
    meaning: `the socket of musterd; default: MUSTER_SOCKET, then paths.socket of --config, then ${DEFAULT_SOCKET}`,
    takes: 'files',
  },
  {
    flags: '-c, --config <file>',
    meaning: "read the socket's path from this configuration file of musterd",
    takes: 'files',
  },
  { flags: '--base-url <url>', meaning: 'the socket as a URL: unix:/run/musterd/admin.sock' },
  { flags: '-u, --user <name>', meaning: 'your name in the audit trail; default: your login name' },
  { flags: '--json', meaning: 'print JSON, for programs' },
  { flags: '--yaml', meaning: 'print YAML' },
  { flags: '--csv', meaning: 'print lists as CSV, for spreadsheets' },
  { flags: '--pretty', meaning: 'indent JSON (default)' },
  { flags: '--no-pretty', meaning: 'print JSON on one line' },
  { flags: '--fields <names>', meaning: 'show only these fields, separated by commas', takes: 'fields' },
  { flags: '--table', meaning: 'print one line per object, with its main fields' },
  { flags: '--show-uids', meaning: 'show UIDs next to names' },
  { flags: '--human', meaning: 'print times and sizes for people (default)' },
  { flags: '--dry-run', meaning: 'show what would change, and change nothing' },
  { flags: '-q, --quiet', meaning: 'print only errors; `ls` prints only names' },
  {
    flags: '-v, --verbose',
    meaning: 'log each step to standard error; -vv also logs each request to musterd',
    repeats: true,
  },
];

const ALL: Option = { flags: '-a, --all', meaning: 'select all objects' };
const EXPRESSION: Option = {
  flags: '-s, --select <expression>',
  meaning: 'only objects that match: name =~ "^n", status[ram_free] < 1GB, not _boot_style == roram',
  repeats: true,
};

/** `-i` and the like; nodes have more kinds of names. */
export function selectionOptions(kind: Kind): Option[] {
  const ids = {
    flags: '-i, --ids <id>',
    repeats: true,
    takes: { names: kind },
    meaning:
      kind === 'node'
        ? 'select by name, n[0-3,7], %group, index, MAC address, IP address or UID (at least 5 digits)'
        : 'select by name or UID (at least 5 digits)',
  };
  if (kind !== 'node') return [ids, ALL, EXPRESSION];
  return [
    ids,
    ALL,
    { flags: '--up', meaning: 'only nodes that are up' },
    { flags: '--down', meaning: 'only nodes that are down' },
    EXPRESSION,
  ];
}

/** Returns all options that a noun and its actions share. */
export function sharedOptions(noun: Noun): Option[] {
  return [...(noun.selects ? selectionOptions(noun.kind) : []), ...COMMON_OPTIONS];
}

/** `--limit` of `-l, --limit <count>`, and its other spellings. */
export function spellings(option: Option): { all: string[]; value: 'none' | 'optional' | 'required' } {
  const words = option.flags.split(/[ ,]+/);
  const value = words.find(word => /^[<[]/.test(word));
  return {
    all: words.filter(word => word.startsWith('-')),
    value: value === undefined ? 'none' : value.startsWith('<') ? 'required' : 'optional',
  };
}
