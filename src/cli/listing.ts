// Lists as the specification prints them: the class as header, two spaces a level, fields in alphabetical order; and tables.
import type { Shown } from '../api/objects.ts';
import { MusterError } from '../errors.ts';
import type { Kind } from '../model/kind-words.ts';
import { oneOfCapital } from '../model/kind-words.ts';
import { nearest } from '../nearest.ts';
import { fieldDataOf } from './commands.ts';
import { csvOf, jsonText, yamlText } from './data-texts.ts';
import type { Given } from './table.ts';
import { humanBytes, humanSpan, humanTime, type Terminal } from './terminal.ts';
import { columnsOf, cutTo, padded, visible } from './visible.ts';

/** Whether a program reads standard output, which must then contain only the document. */
export function isForPrograms({ json, yaml, csv }: Pick<Given, 'json' | 'yaml' | 'csv'>): boolean {
  return json || yaml || csv;
}

/** Fields of every object that only `-L` or `--fields` show. */
const BOOKKEEPING = ['uid', 'revision', 'created', 'modified'];

/** Fields that `-l` omits while they are empty, because few objects have them. */
const OPTIONAL = new Set(
  'description full_name mirrors options iso isolabel kickstart repo parent distro power_uri group'.split(' '),
);

/** The columns of a table when no fields are named. */
export const TABLE_FIELDS: Record<Kind, readonly string[]> = {
  node: ['mac', 'ip', 'groups'],
  attrib: ['attributes'],
  boot: ['release', 'image', 'boot_style', 'frozen'],
  image: ['content', 'parent', 'frozen'],
  files: ['content', 'frozen'],
  repo: ['urls'],
  distro: ['release', 'repos'],
  pool: ['pattern', 'first_index', 'ip_base'],
  head: ['address', 'version'],
  cluster: ['default_group', 'default_distro', 'accept_new_nodes'],
};

export interface ListOptions {
  title: string;
  kind: Kind;
  detail: 'names' | 'long' | 'full';
  now: number;
}

/** `--fields` names fields of the kind, or one below: `attributes[_boot_style]`, `content[size]`. */
export function checkFields(kind: Kind, names: readonly string[] | undefined): void {
  const known = [...fieldDataOf(kind).map(row => row.name), ...BOOKKEEPING];
  for (const name of names ?? []) {
    const outer = name.replace(/\[[^\]]*\]$/, '');
    if (known.includes(outer)) continue;
    const close = nearest(outer, known);
    const hint = close ? `Did you mean '${close}'?` : `The fields are ${known.join(', ')}.`;
    throw new MusterError('unknown-field', `${oneOfCapital(kind)} has no field '${name}' to show.`, { hint });
  }
}

/** Prints objects as the common options request. */
export function printList(terminal: Terminal, given: Given, objects: readonly Shown[], options: ListOptions): void {
  const { title, kind } = options;
  if (isForPrograms(given)) printData(terminal, given, given.fields ? objects.map(picked(given.fields)) : objects);
  else if (given.table) {
    const fields = [...(given.showUids ? ['uid'] : []), ...(given.fields ?? TABLE_FIELDS[kind])];
    terminal.write(tableText(title, objects, fields, terminal.width));
  } else terminal.write(listText(objects, given, options));
}

const picked = (fields: readonly string[]) => (object: Shown) => ({
  name: object.name,
  ...Object.fromEntries(fields.map(field => [field, fieldAt(object, field)])),
});

/** Returns the value of `content` or of `content[size]`. */
function fieldAt(object: Shown, field: string): unknown {
  const [, name = field, key] = /^(\w+)\[([^\]]*)\]$/.exec(field) ?? [];
  const value = object[name];
  if (key === undefined || typeof value !== 'object' || value === null) return key === undefined ? value : undefined;
  return Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined;
}

/** Prints any data as JSON, YAML or CSV, for programs. */
export function printData(terminal: Terminal, given: Pick<Given, 'yaml' | 'csv' | 'pretty'>, data: unknown): void {
  if (given.csv) terminal.write(csvOf(data));
  else terminal.write(given.yaml ? yamlText(data) : jsonText(data, given.pretty));
}

export function listText(
  objects: readonly Shown[],
  given: Pick<Given, 'showUids' | 'fields'>,
  options: Omit<ListOptions, 'kind'>,
): string {
  const { title, detail, now } = options;
  const lines = [title];
  for (const object of objects) {
    lines.push(`  ${object.name}${given.showUids ? ` (${object.uid})` : ''}`);
    if (given.fields) {
      const fields = given.fields.map(field => [field, fieldAt(object, field)]);
      lines.push(...fieldLines(Object.fromEntries(fields), 2, now));
    } else if (detail !== 'names') {
      const fields = Object.entries(object).filter(([name, value]) => detail === 'full' || isListed(name, value));
      lines.push(...fieldLines(Object.fromEntries(fields), 2, now));
    }
  }
  return `${lines.join('\n')}\n`;
}

/** Returns whether `-l` shows the field. */
function isListed(name: string, value: unknown): boolean {
  if (BOOKKEEPING.includes(name)) return false;
  // Signature checks are normal; only a repo without them is worth a line.
  if (name === 'check') return value === false;
  const empty = value === '' || value === null || value === false || (Array.isArray(value) && value.length === 0);
  return !(empty && OPTIONAL.has(name));
}

function fieldLines(fields: Record<string, unknown>, level: number, now: number): string[] {
  const indent = '  '.repeat(level);
  return Object.keys(fields)
    .sort()
    .flatMap(name => {
      const value = fields[name];
      if (Array.isArray(value)) {
        return value.length === 0
          ? [`${indent}${name}: []`]
          : [`${indent}${name}`, ...value.map(item => `${indent}  ${visible(itemText(item))}`)];
      }
      if (typeof value === 'object' && value !== null) {
        const inner = fieldLines(value as Record<string, unknown>, level + 1, now);
        return inner.length === 0 ? [`${indent}${name}: {}`] : [`${indent}${name}`, ...inner];
      }
      return [`${indent}${visible(name)}: ${visible(scalar(name, value, now, level > 2))}`.trimEnd()];
    });
}

/** Only in a stored file; a naming pool's `size` counts indices. */
const SIZES = new Set(['size', 'root_size', 'unpacked']);
const TIMES = new Set(['mtime', 'created', 'modified', 'last_seen']);

function scalar(name: string, value: unknown, now: number, inFile: boolean): string {
  if (value === null || value === undefined) return 'none';
  if (inFile && typeof value === 'number' && SIZES.has(name)) return `${humanBytes(value)} (${value} bytes)`;
  if (typeof value === 'number' && TIMES.has(name))
    return `${humanTime(value)} (${humanSpan((now - value) / 1000)} ago)`;
  return String(value);
}

/** A table with the names on the left: `Nodes |   groups`, right-aligned; cut at the width of the terminal. */
export function tableText(title: string, objects: readonly Shown[], fields: readonly string[], width: number): string {
  const head = [title, ...fields];
  const rows = objects.map(object =>
    [object.name, ...fields.map(field => cell(fieldAt(object, field)))].map(text => visible(text)),
  );
  const widths = head.map((name, column) =>
    rows.reduce((most, row) => Math.max(most, columnsOf(row[column] ?? '')), columnsOf(name)),
  );
  const line = (cells: readonly string[]): string => {
    const text = cells.map((text, column) =>
      column === 0 ? padded(text, widths[0] ?? 0, 'end') : padded(text, (widths[column] ?? 0) + 2, 'start'),
    );
    return cutTo(`${text[0]} |${text.slice(1).join(' |')}`.trimEnd(), width);
  };
  const rule = widths.map((size, column) => '-'.repeat(size + (column === 0 ? 1 : 2))).join('+-');
  return `${[line(head), rule.slice(0, Math.min(rule.length, width)), ...rows.map(line)].join('\n')}\n`;
}

function itemText(item: unknown): string {
  return typeof item === 'object' && item !== null ? JSON.stringify(item) : String(item);
}

/** Returns a value on one line, for a cell of a table. */
export function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (Array.isArray(value)) return value.map(itemText).join(',');
  if (typeof value === 'object') {
    if ('sha256' in value && 'size' in value)
      return `${humanBytes(Number(value.size))} ${String(value.sha256).slice(0, 12)}`;
    return Object.entries(value)
      .map(([name, inner]) => `${name}=${String(inner)}`)
      .join(' ');
  }
  return String(value);
}
