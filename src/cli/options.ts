// The options that every command has, before or behind its action.
import type { Kind } from '../admin/contract.ts';
import type { Noun, Option } from './table.ts';

export const DEFAULT_SOCKET = '/run/musterd/admin.sock';

export const COMMON_OPTIONS: readonly Option[] = [
  {
    flags: '--socket <path>',
    meaning: `the daemon's socket; else MUSTER_SOCKET, else that of --config, else ${DEFAULT_SOCKET}`,
    takes: 'files',
  },
  {
    flags: '-c, --config <file>',
    meaning: "musterd's configuration file, whose paths.socket is used",
    takes: 'files',
  },
  { flags: '--base-url <url>', meaning: 'the daemon as a URL: unix:/run/musterd/admin.sock' },
  { flags: '-u, --user <name>', meaning: 'the name for the audit trail; your login name when not given' },
  { flags: '--json', meaning: 'output for programs' },
  { flags: '--yaml', meaning: 'the same as YAML' },
  { flags: '--csv', meaning: 'lists as CSV, for spreadsheets' },
  { flags: '--pretty', meaning: 'JSON with line breaks (as is the default)' },
  { flags: '--no-pretty', meaning: 'JSON on one line' },
  { flags: '--fields <names>', meaning: 'only these fields, with commas', takes: 'fields' },
  { flags: '--table', meaning: 'one line per object' },
  { flags: '--show-uids', meaning: 'show UIDs beside names' },
  { flags: '--human', meaning: 'times and sizes for people (as is the default)' },
  { flags: '--dry-run', meaning: 'say what would be changed, and change nothing' },
  { flags: '-q, --quiet', meaning: 'say nothing but errors' },
  {
    flags: '-v, --verbose',
    meaning: 'say on standard error what is done; -vv each question to the daemon',
    repeats: true,
  },
];

const ALL: Option = { flags: '-a, --all', meaning: 'select all' };
const EXPRESSION: Option = {
  flags: '-s, --select <expression>',
  meaning: 'of those only the ones for which it holds: name =~ "^n", status[ram_free] < 1GB, not _boot_style == roram',
  repeats: true,
};

/** `-i` and its like; nodes have more ways to be named. */
export function selectionOptions(kind: Kind): Option[] {
  const ids = {
    flags: '-i, --ids <id>',
    repeats: true,
    takes: { names: kind },
    meaning:
      kind === 'node'
        ? 'select by name, n[0-3,7], %group, index, MAC, IP, or UID (5 digits or more)'
        : 'select by name, or by UID (5 digits or more)',
  };
  if (kind !== 'node') return [ids, ALL, EXPRESSION];
  return [
    ids,
    ALL,
    { flags: '--up', meaning: 'of those only the ones that are up' },
    { flags: '--down', meaning: 'of those only the ones that are down' },
    EXPRESSION,
  ];
}

/** All options that a noun and its actions share. */
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
