import test from 'ava';
import type { Command } from 'commander';
import { NOUNS } from '../../src/cli/nouns.ts';
import { buildProgram } from '../../src/cli/program.ts';

const program = buildProgram(async () => {});
/** The headings of a help, in their order. */
const headings = (made: Command): string[] =>
  Array.from(made.helpInformation().matchAll(/^(\S.*):$/gm), ([, title]) => title ?? '');

test('the help of the whole groups the nouns by task, and the common options come last', t => {
  const tasks = [...new Set(NOUNS.map(({ task }) => task ?? ''))];
  t.deepEqual(headings(program), [...tasks, 'Common options']);
  for (const { name } of NOUNS) t.regex(program.helpInformation(), new RegExp(`^  ${name}[, ]`, 'm'));
});

test('the help of a noun shows its actions first, and of an action its own options', t => {
  const node = program.commands.find(each => each.name() === 'node');
  t.deepEqual(node && headings(node), ['Actions', 'Selection', 'Common options']);
  const power = node?.commands.find(each => each.name() === 'power');
  t.deepEqual(power && headings(power), ['Options', 'Selection', 'Common options']);
});
