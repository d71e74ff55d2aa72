// Changes values in the text of a TOML file and keeps the rest: comments, order, blank lines.
import { isDeepStrictEqual } from 'node:util';
import { parse } from 'smol-toml';

const HEADER = /^\s*\[\s*([A-Za-z0-9_-]+)\s*\]\s*(#.*)?$/;
/** A key with a string on one line, and the text after it. */
const STRING = /^(\s*)([A-Za-z0-9_.-]+)(\s*=\s*)("(?:[^"\\]|\\.)*"|'[^']*')(\s*(?:#.*)?)$/;

/**
 * Sets keys (`table.name`) to strings. Returns undefined when this cannot change the text in its present form: the result would
 * not have exactly the requested values.
 */
export function editToml(text: string, wanted: Readonly<Record<string, string>>): string | undefined {
  let lines = text.split('\n');
  for (const [key, value] of Object.entries(wanted)) lines = setKey(lines, key, value);
  const edited = lines.join('\n');
  try {
    return isDeepStrictEqual(plain(parse(edited)), plain(expected(text, wanted))) ? edited : undefined;
  } catch {
    return undefined;
  }
}

function setKey(lines: readonly string[], key: string, value: string): string[] {
  const [table = '', name = ''] = key.split('.');
  let current = '';
  let end = -1;
  for (const [index, line] of lines.entries()) {
    const header = HEADER.exec(line)?.[1];
    if (header !== undefined) current = header;
    const [, indent = '', found = '', equals = '', , rest = ''] = STRING.exec(line) ?? [];
    if (found !== '' && (current === '' ? found === key : current === table && found === name))
      return lines.with(index, `${indent}${found}${equals}${quoted(value)}${rest}`);
    if (current === table && line.trim() !== '') end = index;
  }
  const line = `${name} = ${quoted(value)}`;
  if (end >= 0) return lines.toSpliced(end + 1, 0, line);
  const last = lines.findLastIndex(one => one.trim() !== '');
  return [...lines.slice(0, last + 1), ...(last >= 0 ? [''] : []), `[${table}]`, line, ''];
}

function quoted(value: string): string {
  return JSON.stringify(value);
}

type Table = Record<string, unknown>;

function expected(text: string, wanted: Readonly<Record<string, string>>): Table {
  const tree = parse(text) as Table;
  for (const [key, value] of Object.entries(wanted)) {
    const [table = '', name = ''] = key.split('.');
    tree[table] = { ...(tree[table] as Table | undefined), [name]: value };
  }
  return tree;
}

/** Removes what the TOML reader adds to its objects besides the values. */
function plain(tree: unknown): unknown {
  return JSON.parse(JSON.stringify(tree));
}
