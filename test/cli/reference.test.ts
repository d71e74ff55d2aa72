// The documents, manual pages and program names that are made from the tables of the command line.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { EXIT_STATUSES } from '../../src/cli/exit-statuses.ts';
import { manPages } from '../../src/cli/man-pages.ts';
import { NOUNS } from '../../src/cli/nouns.ts';
import { sharedOptions, spellings } from '../../src/cli/options.ts';
import { SCYLD_NAMES } from '../../src/cli/scyld-names.ts';
import { ERRORS } from '../../src/errors.ts';
import { packageRoot } from '../../src/package-root.ts';
import { findProgram, requireAll } from '../support/require.ts';
import { Programs } from './daemon.ts';
import { temporaryFolder } from './folder.ts';
import { cliReference, errorReference } from './reference-pages.ts';

for (const [name, text] of [
  ['docs/cli.md', cliReference()],
  ['docs/errors.md', errorReference()],
] as const) {
  test(`${name} says what the tables say`, t => {
    const file = join(packageRoot, name);
    if (process.env['UPDATE_DOCS']) writeFileSync(file, text);
    t.is(readFileSync(file, 'utf8'), text, `write it anew: UPDATE_DOCS=1 npx ava dist/test/cli/reference.test.js`);
  });
}

test('every exit status of an error is explained, and every explained one occurs', t => {
  // 130 is a signal's, and no error.
  const used = new Set<number>([0, 130, ...Object.values(ERRORS).map(row => row.exit)]);
  t.deepEqual(
    EXIT_STATUSES.map(({ status }) => status),
    [...used].sort((left, right) => left - right),
  );
});

test('package.json installs each scyld name, and each is a noun', t => {
  const { bin } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { bin: object };
  t.deepEqual(Object.keys(bin).sort(), ['muster', 'musterd', ...SCYLD_NAMES].sort());
  const words = NOUNS.flatMap(noun => [noun.name, ...noun.aliases]);
  for (const name of SCYLD_NAMES) t.true(words.includes(name.slice('scyld-'.length)), name);
});

test('every action has a summary and an example, and no option hides another', t => {
  for (const noun of NOUNS) {
    for (const action of [...noun.actions, ...(noun.run ? [noun.run] : [])]) {
      const where = `${noun.name} ${action.name}`;
      t.true(action.summary.length > 0, where);
      t.true((action.examples ?? []).length > 0, where);
      for (const example of action.examples ?? []) t.regex(example, /\bmuster\b/, where);
      const own = (action.options ?? []).flatMap(option => spellings(option).all);
      t.deepEqual(own, [...new Set(own)], where);
      // Only whole options may be said anew: `-c` alone would take the common one's letter.
      const short = sharedOptions(noun).flatMap(option => spellings(option).all.filter(text => !text.startsWith('--')));
      t.deepEqual(
        own.filter(text => short.includes(text)),
        [],
        where,
      );
    }
  }
});

test('every manual page is there for its program', t => {
  const pages = manPages();
  for (const name of ['muster', ...SCYLD_NAMES, ...NOUNS.map(noun => `muster-${noun.name}`)])
    t.true(pages.has(name), name);
  t.is(pages.get('scyld-nodectl'), '.so man1/muster-node.1\n');
});

test('the manual pages are right for mandoc', async t => {
  if (!requireAll(t, { programs: ['mandoc'] })) return;
  const folder = await temporaryFolder(t);
  const programs = new Programs(folder, '/nowhere');
  t.is((await programs.run('muster', 'man', '--output', join(folder, 'man'))).status, 0);
  for (const [name, text] of manPages()) {
    if (text.startsWith('.so')) continue;
    const { stdout } = await programs.run(
      findProgram('mandoc') ?? 'mandoc',
      '-T',
      'lint',
      '-W',
      'warning',
      join(folder, 'man', `${name}.1`),
    );
    t.is(stdout.replace(/^.*missing date.*\n/gm, ''), '', name);
  }
});
