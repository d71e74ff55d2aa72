// Every command line of muster in the documents is one that muster understands: nouns, actions, options.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { CommanderError } from 'commander';
import { buildProgram } from '../src/cli/program.ts';
import { reasonOf } from '../src/errors.ts';
import { packageRoot } from '../src/package-root.ts';

/** Lines of indented or fenced code, and `code` in the text, that begin with the program. */
function commands(page: string): string[] {
  const text = readFileSync(join(packageRoot, page), 'utf8');
  const lines = text.split('\n').map(line => line.trim());
  const inline = Array.from(text.matchAll(/`([^`\n]+)`/g), match => match[1] ?? '');
  return [...lines, ...inline].filter(
    line => /^(sudo )?muster /.test(line) && !/^muster (is|and|says|has|logs)\b/.test(line),
  );
}

function words(line: string): string[] {
  const command = line.replace(/^sudo /, '').replace(/\s(#|>|\||&&).*$/, '');
  return Array.from(
    command.matchAll(/'([^']*)'|"([^"]*)"|((?:[^\s"']|"[^"]*")+)/g),
    match => match[1] ?? match[2] ?? match[3] ?? '',
  ).slice(1);
}

const PAGES = [
  'README.md',
  ...readdirSync(join(packageRoot, 'docs'))
    .filter(name => name.endsWith('.md'))
    .map(name => join('docs', name)),
];

test('the commands in the documents are understood', async t => {
  let count = 0;
  const wrong: string[] = [];
  for (const page of PAGES.filter(name => !['docs/cli.md', 'docs/errors.md'].includes(name))) {
    for (const line of commands(page)) {
      count += 1;
      try {
        await buildProgram(async () => {}).parseAsync(words(line), { from: 'user' });
      } catch (error) {
        // A command may be named without its words.
        if (!(error instanceof CommanderError && error.code === 'commander.missingArgument'))
          wrong.push(`${page}: ${line}: ${reasonOf(error)}`);
      }
    }
  }
  t.deepEqual(wrong, []);
  t.true(count > 30, `${count}`);
});
