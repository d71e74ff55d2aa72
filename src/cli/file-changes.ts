// Changes of the files of a node as lines for people.
import type { FileChange } from '../api/node-files.ts';
import type { Context } from './table.ts';
import { visible, visibleLine } from './visible.ts';

/** Marks a path that was added, removed or changed. */
export const SIGNS = { added: '+', removed: '-', changed: '~' } as const;

/** A line for the file, and below it what changes. */
export function changeLines(terminal: Context['terminal'], { path, change, lines }: FileChange): string[] {
  const shown = lines
    .map(visibleLine)
    .map(line => (line.startsWith('-') ? terminal.red(line) : line.startsWith('+') ? terminal.green(line) : line));
  return [`  ${SIGNS[change]} ${visible(path)}`, ...shown.map(line => `      ${line}`)];
}
