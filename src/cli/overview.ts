// The plain list of a noun: a row for each object with its main facts, in columns that fit the terminal.
import { NODES } from '../api/nodes.ts';
import type { Shown } from '../api/objects.ts';
import { KIND_WORDS, type Kind } from '../model/kind-words.ts';
import { cell, TABLE_FIELDS } from './listing.ts';
import { scyldNameOf } from './scyld-names.ts';
import { chosen } from './selection.ts';
import type { Context } from './table.ts';
import { humanAge } from './terminal.ts';
import { columnsOf, cutTo, padded, visible } from './visible.ts';

/** The minimum width of a column, in characters. */
const NARROWEST = 6;
const GAP = '  ';

/** Returns whether a list without further options is the overview. The `scyld-*` names print the specification's lists. */
export function isOverview({ given, typed }: Pick<Context, 'given' | 'typed'>): boolean {
  return !given.table && given.fields === undefined && scyldNameOf(typed[0] ?? '') === undefined;
}

/** Prints the objects of a kind; with `-q` only their names, one per line. */
export function printOverview(context: Context, objects: readonly Shown[]): void {
  const fields = TABLE_FIELDS[context.kind];
  const rows = objects.map(object => fields.map(field => wordOf(object[field])));
  printRows(context, fields.map(heading), objects, rows);
}

export async function printNodes(context: Context): Promise<void> {
  const { client, given } = context;
  const nodes = await client.call(NODES.overview, { query: chosen(given, given.words) });
  const now = Date.now();
  const rows = nodes.map(({ state, since, ip, os = '-', image = os, boot_config = '-', reason = '' }) => {
    const age = since === undefined ? '-' : humanAge((now - since) / 1000);
    return [state, age, ip, image, boot_config, reason];
  });
  printRows(context, ['STATE', 'FOR', 'ADDRESS', 'IMAGE', 'BOOT CONFIG', 'REASON'], nodes, rows);
}

/** Prints a row for each object, with its name first. */
export function printRows(
  { given, terminal, kind }: Pick<Context, 'given' | 'terminal' | 'kind'>,
  headings: readonly string[],
  objects: readonly { name: string; uid: string }[],
  rows: readonly (readonly string[])[],
): void {
  terminal.write(given.quiet ? objects.map(({ name }) => `${name}\n`).join('') : listText());

  function listText(): string {
    if (objects.length === 0) return `${noneOf(kind, given)}\n`;
    const head = ['NAME', ...(given.showUids ? ['UID'] : []), ...headings];
    const cells = objects.map(({ name, uid }, at) => [name, ...(given.showUids ? [uid] : []), ...(rows[at] ?? [])]);
    const [first = '', ...rest] = columnLines([head, ...cells], terminal.width);
    return [terminal.dim(first), ...rest, ''].join('\n');
  }
}

function noneOf(kind: Kind, given: Context['given']): string {
  const isNarrowed = given.ids.length + given.words.length + given.select.length > 0 || given.up || given.down;
  return isNarrowed
    ? `No ${KIND_WORDS[kind].label} matches the selection.`
    : `There are no ${KIND_WORDS[kind].label}s.`;
}

/** Shows only true values, because few objects are frozen. */
function wordOf(value: unknown): string {
  return typeof value === 'boolean' ? (value ? 'yes' : '') : cell(value);
}

const heading = (field: string): string => field.replaceAll('_', ' ').toUpperCase();

/** Returns rows as lines of at most `width` columns: the widest columns shrink first, and cut texts end in `…`. */
export function columnLines(rows: readonly (readonly string[])[], width: number): string[] {
  const texts = rows.map(row => row.map(visible));
  // Omits a column that is empty in every row.
  const [head = [], ...body] = texts;
  const kept = head.map((_, at) => at === 0 || body.some(row => row[at]));
  const shown = texts.map(row => row.filter((_, at) => kept[at]));
  const widths = (shown[0] ?? []).map((_, at) =>
    shown.reduce((most, row) => Math.max(most, columnsOf(row[at] ?? '')), 0),
  );
  const most = width - GAP.length * (widths.length - 1);
  for (let over = widths.reduce((sum, each) => sum + each, 0) - most; over > 0 && over !== Infinity; over -= 1) {
    const widest = widths.lastIndexOf(Math.max(...widths));
    if ((widths[widest] ?? 0) <= NARROWEST) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return shown.map(row => {
    const cells = row.map((text, at) => padded(cutTo(text, widths[at] ?? 0), widths[at] ?? 0, 'end'));
    return cutTo(cells.join(GAP).trimEnd(), width);
  });
}
