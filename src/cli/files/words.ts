// Words of `muster files`: the name of a set, paths in it, and how changes are printed.
import { MusterError } from '../../errors.ts';
import type { TreeDifference } from '../../files/tree-differences.ts';
import { readAssignments } from '../assignments.ts';
import { SIGNS } from '../file-changes.ts';
import { isForPrograms, printData } from '../listing.ts';
import type { Context } from '../table.ts';
import { visible, visibleLine } from '../visible.ts';
import type { SetChange } from './remote-set.ts';

/** Returns the set that `-i` or the first word names, and the other words. */
export function setAndWords({ given }: Pick<Context, 'given'>, usage: string): [string, ...string[]] {
  const [id, ...more] = given.ids;
  if (more.length > 0) throw wrongUse(usage, 'takes one file set');
  const [name, ...words] = id === undefined ? given.words : [id, ...given.words];
  if (name === undefined) throw wrongUse(usage, 'needs a file set');
  return [name, ...words];
}

/** Returns the set that `-i` or the only word names. */
export function onlySet(context: Pick<Context, 'given'>, usage: string): string {
  const [name, ...more] = setAndWords(context, usage);
  if (more.length > 0) throw wrongUse(usage, 'takes one file set');
  return name;
}

/** @param usage an example of the action, which is its first word */
export function wrongUse(usage: string, problem: string): MusterError {
  return new MusterError('bad-usage', `'${usage.split(' ', 1)[0]}' ${problem}: muster files ${usage}`);
}

/** Returns the absolute path on the node, as people write it: with or without the first slash. */
export function pathIn(word: string): string {
  return `/${word.replace(/^\/+|\/+$/g, '')}`;
}

/** `v3` or `3`: the number of a version. */
export function versionOf(word: string): number {
  const [, digits] = /^v?([1-9]\d{0,8})$/.exec(word) ?? [];
  if (digits === undefined)
    throw new MusterError('bad-usage', `'${word}' is no version; write v3 ('muster files history').`);
  return Number(digits);
}

/** Prints what changed in a set. */
export function printSetChange({ terminal, given }: Pick<Context, 'terminal' | 'given'>, change: SetChange): void {
  if (isForPrograms(given)) printData(terminal, given, change);
  if (isForPrograms(given) || given.quiet) return;
  const lines = differenceLines(change.differences);
  if (lines.length === 0) lines.push('Nothing to change.');
  if (change.dryRun) lines.push('Dry run: nothing was changed.');
  terminal.write(`${lines.join('\n')}\n`);
}

const HIDDEN = {
  secret: 'its content changed: ********',
  bytes: 'its content changed, which is no text',
  long: 'its content changed in many lines',
} as const;

/** A line for each path, and below it what changed. */
export function differenceLines(differences: readonly TreeDifference[]): string[] {
  return differences.flatMap(({ path, action, about, lines, hidden }) => [
    `${SIGNS[action]} ${visible(path)}`,
    ...about.map(text => `    ${visible(text)}`),
    ...(hidden === undefined ? lines : [HIDDEN[hidden]]).map(text => `    ${visibleLine(text)}`),
  ]);
}

/** Separates names from `field=value`. */
export function sortedWords(words: readonly string[]): { names: string[]; fields: Record<string, string> } {
  const names = words.filter(word => !word.includes('='));
  return { names, fields: readAssignments(words.filter(word => word.includes('='))) };
}
