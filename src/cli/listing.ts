// Lists as the specification prints them: the class as header, two spaces a level, fields in alphabetical order; and tables.
import { stringify } from 'yaml';
import type { Shown } from '../admin/contract.ts';
import type { Given } from './table.ts';
import { humanBytes, humanSpan, humanTime, type Terminal } from './terminal.ts';

/** Fields that every object has and that only `-L` or `--show-uids` show. */
const BOOKKEEPING = new Set(['uid', 'revision', 'created', 'modified']);

export interface ListOptions {
  title: string;
  detail: 'names' | 'long' | 'full';
  now: number;
}

/** Prints objects as the common options ask for it. */
export function printList(terminal: Terminal, given: Given, objects: readonly Shown[], options: ListOptions): void {
  if (given.json || given.yaml) printData(terminal, given, objects);
  else if (given.table) terminal.write(tableText(options.title, objects, given.fields ?? ['uid'], terminal.width));
  else terminal.write(listText(objects, given, options));
}

/** Any data as JSON (or YAML), for programs. */
export function printData(terminal: Terminal, given: Pick<Given, 'yaml'>, data: unknown): void {
  terminal.write(given.yaml ? stringify(data) : `${JSON.stringify(data, null, 2)}\n`);
}

export function listText(
  objects: readonly Shown[],
  given: Pick<Given, 'showUids' | 'fields'>,
  options: ListOptions,
): string {
  const lines = [options.title];
  for (const object of objects) {
    lines.push(`  ${object.name}${given.showUids ? ` (${object.uid})` : ''}`);
    if (options.detail === 'names' && !given.fields) continue;
    const fields = Object.entries(object)
      .filter(([name]) =>
        given.fields ? given.fields.includes(name) : options.detail === 'full' || !BOOKKEEPING.has(name),
      )
      .filter(
        ([name]) => name !== 'uid' || given.showUids || options.detail === 'full' || given.fields?.includes('uid'),
      );
    lines.push(...fieldLines(Object.fromEntries(fields), 2, options.now));
  }
  return `${lines.join('\n')}\n`;
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
          : [`${indent}${name}`, ...value.map(item => `${indent}  ${String(item)}`)];
      }
      if (typeof value === 'object' && value !== null) {
        const inner = fieldLines(value as Record<string, unknown>, level + 1, now);
        return inner.length === 0 ? [`${indent}${name}: {}`] : [`${indent}${name}`, ...inner];
      }
      return [`${indent}${name}: ${scalar(name, value, now)}`];
    });
}

const SIZES = new Set(['size', 'root_size', 'unpacked']);
const TIMES = new Set(['mtime', 'created', 'modified', 'last_seen']);

function scalar(name: string, value: unknown, now: number): string {
  if (value === null || value === undefined) return 'none';
  if (typeof value === 'number' && SIZES.has(name)) return `${humanBytes(value)} (${value} bytes)`;
  if (typeof value === 'number' && TIMES.has(name))
    return `${humanTime(value)} (${humanSpan((now - value) / 1000)} ago)`;
  return String(value);
}

/** A table with the names on the left: `Nodes |   groups`, right-aligned; cells are cut where the terminal ends. */
export function tableText(title: string, objects: readonly Shown[], fields: readonly string[], width: number): string {
  const head = [title, ...fields];
  const rows = objects.map(object => [object.name, ...fields.map(field => cell(object[field]))]);
  const widths = head.map((name, column) => Math.max(name.length, ...rows.map(row => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string => {
    const text = cells.map((text, column) =>
      (column === 0 ? text : text.padStart((widths[column] ?? 0) + 2)).padEnd(column === 0 ? (widths[0] ?? 0) : 0),
    );
    const whole = `${text[0]} |${text.slice(1).join(' |')}`;
    return whole.length > width ? `${whole.slice(0, width - 1)}…` : whole;
  };
  const rule = widths.map((size, column) => '-'.repeat(size + (column === 0 ? 1 : 2))).join('+-');
  return `${[line(head), rule.slice(0, Math.min(rule.length, width)), ...rows.map(line)].join('\n')}\n`;
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (Array.isArray(value)) return value.join(',');
  if (typeof value === 'object') {
    return Object.entries(value)
      .map(([name, inner]) => `${name}=${String(inner)}`)
      .join(' ');
  }
  return String(value);
}
