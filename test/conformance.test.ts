// docs/conformance.md: each requirement names a test that exists.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { packageRoot } from '../src/package-root.ts';

/** `both` is a test that is run in two ways. */
const TITLE = /\b(?:test|both)(?:\.serial)?\(\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|`((?:[^`\\]|\\.)*)`)/g;

function titlesIn(folder: string): Map<string, string> {
  const titles = new Map<string, string>();
  for (const file of readdirSync(join(packageRoot, 'test', folder)).filter(name => name.endsWith('.test.ts'))) {
    const text = readFileSync(join(packageRoot, 'test', folder, file), 'utf8');
    for (const [, single, double, template] of text.matchAll(TITLE))
      titles.set((single ?? double ?? template ?? '').replaceAll("\\'", "'"), `${folder}/${file}`);
  }
  return titles;
}

const page = readFileSync(join(packageRoot, 'docs/conformance.md'), 'utf8');
const sections = page.split(/^## /m).slice(1);

test('each requirement of docs/conformance.md names a test that exists', t => {
  const titles = new Map(['dhcp', 'tftp', 'boot'].flatMap(folder => [...titlesIn(folder)]));
  for (const section of sections) {
    const rows = section.split('\n').filter(line => /^\| *§\S/.test(line));
    t.true(rows.length > 0, section.split('\n')[0]);
    for (const row of rows) {
      const [, , requirement = '', title = ''] = row.split('|').map(cell => cell.trim());
      t.true(titles.has(title), `${requirement}: there is no test '${title}'`);
    }
  }
});

test('docs/conformance.md has a section for each of the RFCs', t => {
  for (const rfc of [2131, 2132, 3046, 4388, 4578, 1350, 2347, 2348, 2349, 7440, 5970])
    t.true(
      sections.some(section => section.startsWith(`RFC ${rfc}`)),
      String(rfc),
    );
});
