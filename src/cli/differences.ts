// Describes what an action changed, in lines: `n0: cmdline: 'quiet' -> 'quiet debug'`.
import type { Changed, Difference } from '../api/objects.ts';
import { own } from '../own.ts';
import { fileFieldsOf } from './commands.ts';
import { isForPrograms, printData } from './listing.ts';
import type { Context } from './table.ts';

/** Above this number, objects are counted and not listed. */
const LISTED = 20;

export function printChanged({ terminal, given }: Context, changed: Changed): void {
  if (isForPrograms(given)) printData(terminal, given, changed);
  else if (!given.quiet) terminal.write(changedText(changed, given.showUids));
}

function changedText(changed: Changed, showUids: boolean): string {
  const lines = changed.differences.slice(0, LISTED).flatMap(difference => differenceLines(difference, showUids));
  const more = changed.differences.length - LISTED;
  if (more > 0) lines.push(`and ${more} more`);
  if (changed.differences.length === 0) lines.push('Nothing to change.');
  lines.push(...changed.broken.map(text => `broken: ${text}`));
  if (changed.dryRun) lines.push('Dry run: nothing was changed.');
  return `${lines.join('\n')}\n`;
}

/** Returns the changes of one object as lines. */
export function differenceLines(difference: Difference, showUids: boolean): string[] {
  const { kind, name, action, fields, uid } = difference;
  const files = fileFieldsOf(kind);
  const head = `${name}${showUids ? ` (${uid})` : ''}`;
  if (action !== 'changed') return [`${action} ${head}`];
  return Object.entries(fields).flatMap(([field, { before, after }]) => {
    if (files.includes(field)) return [`${head}: ${field}: ${digest(before)} -> ${digest(after)}`];
    if (isNested(before) || isNested(after)) return nestedLines(head, before, after);
    return [`${head}: ${field}: ${shown(before)} -> ${shown(after)}`];
  });
}

/** Names a stored file by the first digits of its SHA-256. */
function digest(file: unknown): string {
  return isNested(file) && 'sha256' in file ? String(file.sha256).slice(0, 12) : 'none';
}

function nestedLines(head: string, before: unknown, after: unknown): string[] {
  const [old, now] = [(before ?? {}) as Record<string, unknown>, (after ?? {}) as Record<string, unknown>];
  return [...new Set([...Object.keys(old), ...Object.keys(now)])]
    .filter(name => JSON.stringify(own(old, name)) !== JSON.stringify(own(now, name)))
    .map(name => `${head}: ${name}: ${shown(own(old, name))} -> ${shown(own(now, name))}`);
}

function isNested(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  if (value === null || value === undefined) return 'none';
  // Such as the versions of a file set, which have their own command
  if (Array.isArray(value) && value.some(isNested)) return String(value.length);
  if (Array.isArray(value)) return `[${value.join(', ')}]`;
  return typeof value === 'object' ? JSON.stringify(value) : `'${String(value)}'`;
}
