// The index of a node's files as text, and back (docs/decisions/0010-file-sets.md). A shell on the node reads it with `read -r`, so
// each column is a word: other bytes than printable ASCII are percent-encoded.
import { createHash } from 'node:crypto';
import type { Refused } from '../refused.ts';
import { encodeWord, readWord } from './index-word.ts';
import type { Rendered, RenderedEntry } from './rendered.ts';
import type { OnChange, StageScript } from './set-content.ts';
import { SCRIPT_STAGES } from './set-content.ts';

export type IndexEntry = Omit<RenderedEntry, 'content' | 'origin'> & {
  /** Bytes of a file. */
  size: number;
};

export type IndexScript = Omit<StageScript, 'content' | 'secret'> & { sha256: string; size: number };

export interface Index {
  entries: IndexEntry[];
  scripts: IndexScript[];
  changes: OnChange[];
}

const FIRST_LINE = 'muster-files 1';
const LAST_LINE = 'end';
/** Lines of an index, far above what the sets of a node can have. */
const MOST_LINES = 200_000;
/** Characters of an index. */
const MOST_TEXT = 32 * 1024 * 1024;
const TYPES = { file: 'f', folder: 'd', link: 'l' } as const;
const ACTIONS = ['reload', 'restart', 'run'] as const;

/** Writes an index: equal files of a node give equal text. */
export function indexText(rendered: Rendered): string {
  const scripts = rendered.scripts.map(({ content, secret: _unused, ...script }) => ({
    ...script,
    sha256: createHash('sha256').update(content).digest('hex'),
    size: content.length,
  }));
  const entries = rendered.entries.map(({ content, origin: _unused, ...entry }) => ({
    ...entry,
    size: content.length,
  }));
  return writeIndex({ entries, scripts, changes: [...rendered.changes] });
}

/** The index of a node that had files and has none any more. */
export const EMPTY_INDEX = emptyIndex();

function emptyIndex(): { text: string; sha256: string } {
  const text = `${FIRST_LINE}\n${LAST_LINE}\n`;
  return { text, sha256: createHash('sha256').update(text).digest('hex') };
}

/** Writes an index that was read. */
export function writeIndex({ entries, scripts, changes }: Index): string {
  const lines = [
    FIRST_LINE,
    ...entries.flatMap(entryLines),
    ...changes.map(({ action, what, paths }) => ['on', action, ...[what, ...paths].map(encodeWord)].join(' ')),
    ...scripts.map(({ stage, required, seconds, sha256, size, name }) =>
      ['script', stage, required ? 'required' : '-', seconds, sha256, size, encodeWord(name)].join(' '),
    ),
    LAST_LINE,
  ];
  return `${lines.join('\n')}\n`;
}

function entryLines(entry: IndexEntry): string[] {
  const isFile = entry.type === 'file';
  const columns = [
    TYPES[entry.type],
    entry.mode.toString(8).padStart(4, '0'),
    encodeWord(entry.owner),
    encodeWord(entry.group),
    isFile ? entry.size : 0,
    isFile ? entry.sha256 : '-',
    flagsOf(entry),
    encodeWord(entry.path),
    ...(entry.type === 'link' ? [encodeWord(entry.target)] : []),
  ];
  const xattrs = entry.xattrs.map(([name, value]) => `x ${encodeWord(name)} ${value.toString('hex') || '-'}`);
  return [columns.join(' '), ...xattrs];
}

function flagsOf({ keepsLocalEdits, merge, secret, optional }: IndexEntry): string {
  const flags = [
    keepsLocalEdits && 'k',
    merge === 'names' && 'n',
    merge === 'block' && 'b',
    secret && 's',
    optional && 'o',
  ];
  return flags.filter(Boolean).join('') || '-';
}

/** Reads the text of an index; refuses what `writeIndex` would not have written, with the number of the line. */
export function readIndex(text: string): Index | Refused {
  if (text.length > MOST_TEXT) return { refused: 'the index is too long' };
  const lines = text.split('\n', MOST_LINES + 1);
  if (lines.length > MOST_LINES) return { refused: 'the index has too many lines' };
  if (lines.at(-1) !== '' || lines.at(-2) !== LAST_LINE) return { refused: 'the index has no end' };
  if (lines[0] !== FIRST_LINE) return { refused: `the index does not begin with '${FIRST_LINE}'` };
  const index: Index = { entries: [], scripts: [], changes: [] };
  for (const [at, line] of lines.slice(1, -2).entries())
    if (!readLine(line, index)) return { refused: `line ${at + 2} of the index is not valid` };
  const missing = calledScripts(index).find(name => !index.scripts.some(isCalled(name)));
  if (missing !== undefined) return { refused: `the index calls the script ${missing}, which is not in it` };
  if (writeIndex(index) !== text) return { refused: 'the index is not in its canonical form' };
  return index;
}

function calledScripts({ changes }: Index): string[] {
  return changes.flatMap(({ action, what }) => (action === 'run' ? [what] : []));
}

function isCalled(called: string): (script: IndexScript) => boolean {
  return ({ stage, name }) => stage === 'called' && name === called;
}

function readLine(line: string, index: Index): boolean {
  const [kind, ...words] = line.split(' ');
  if (kind === 'x') return readXattr(words, index);
  if (kind === 'on') return readChange(words, index);
  if (kind === 'script') return readScript(words, index);
  return readEntry(kind, words, index);
}

function readEntry(kind: string | undefined, words: readonly string[], index: Index): boolean {
  const type = (['file', 'folder', 'link'] as const).find(name => TYPES[name] === kind);
  const [mode = '', owner, group, size, sha256 = '', flags = '', path, target] = words;
  const [byName, inGroup, place] = [readWord(owner), readWord(group), readWord(path)];
  const leads = type === 'link' ? readWord(target) : '';
  const bytes = amount(size);
  if (!type || words.length !== (type === 'link' ? 8 : 7)) return false;
  if (!byName || !inGroup || !place?.startsWith('/') || leads === undefined || bytes === undefined) return false;
  if (!/^[0-7]{4}$/.test(mode) || !/^(?:-|k?(?:n|b)?s?o?)$/.test(flags) || flags === '') return false;
  if (type === 'file' ? !isDigest(sha256) : sha256 !== '-' || bytes !== 0) return false;
  index.entries.push({
    type,
    path: place,
    mode: Number.parseInt(mode, 8),
    owner: byName,
    group: inGroup,
    size: bytes,
    sha256: type === 'file' ? sha256 : '',
    target: leads,
    xattrs: [],
    merge: flags.includes('n') ? 'names' : flags.includes('b') ? 'block' : 'replace',
    secret: flags.includes('s'),
    optional: flags.includes('o'),
    keepsLocalEdits: flags.includes('k'),
  });
  return true;
}

function readXattr([name, value = '', ...more]: readonly string[], index: Index): boolean {
  const [entry, known] = [index.entries.at(-1), readWord(name)];
  if (!entry || !known || more.length > 0 || !/^(?:-|(?:[0-9a-f]{2})+)$/.test(value)) return false;
  entry.xattrs = [...entry.xattrs, [known, Buffer.from(value === '-' ? '' : value, 'hex')]];
  return true;
}

function readChange([action, ...words]: readonly string[], index: Index): boolean {
  const known = ACTIONS.find(name => name === action);
  const [what, ...paths] = words.map(readWord);
  if (!known || !what || paths.length === 0 || !paths.every(path => path !== undefined)) return false;
  index.changes.push({ action: known, what, paths: paths.filter(path => path !== undefined) });
  return true;
}

function readScript(words: readonly string[], index: Index): boolean {
  const [stage, required = '', time, sha256 = '', bytes, word] = words;
  const known = ([...SCRIPT_STAGES, 'called'] as const).find(name => name === stage);
  const [seconds, size, name] = [amount(time), amount(bytes), readWord(word)];
  if (!known || words.length !== 6 || seconds === undefined || size === undefined || !name) return false;
  if (!['required', '-'].includes(required) || !isDigest(sha256)) return false;
  index.scripts.push({ stage: known, required: required === 'required', seconds, sha256, size, name });
  return true;
}

function isDigest(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

function amount(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,12}$/.test(text) ? Number(text) : undefined;
}
