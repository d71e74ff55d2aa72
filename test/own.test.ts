import { readFileSync } from 'node:fs';
import test from 'ava';
import { own } from '../src/own.ts';
import { productSources, sourceName } from './sources.ts';

test('only own entries of an object are found', t => {
  const record: Record<string, number> = { a: 1 };
  t.is(own(record, 'a'), 1);
  for (const name of ['constructor', 'toString', '__proto__', 'hasOwnProperty', 'b'])
    t.is(own(record, name), undefined);
});

/** Every source file with its lines, without comments and the texts in quotes. */
function linesOfSources(): { name: string; path: string; lines: string[] }[] {
  return productSources().map(path => {
    const text = readFileSync(path, 'utf8')
      .replace(/\/\*[\s\S]*?\*\//g, comment => comment.replace(/[^\n]/g, ''))
      .replace(/(^|\s)\/\/.*$/gm, '')
      .replace(/`[^`]*`/g, template => `''${template.replace(/[^\n]/g, '')}`)
      .replace(/'[^'\n]*'|"[^"\n]*"/g, "''");
    return { name: sourceName(path), path, lines: text.split('\n') };
  });
}

test('a key is never looked up in a table with `in`: every object has a constructor', t => {
  const wrong = linesOfSources().flatMap(({ name, lines }) =>
    lines.flatMap((line, index) =>
      /[\w)\]] in [A-Z][A-Z_0-9]{2,}\b/.test(line) ? [`${name}:${index + 1} ${line.trim()}`] : [],
    ),
  );
  t.deepEqual(wrong, []);
});

test('tables whose keys are any text are read by `own`', t => {
  const all = linesOfSources();
  const tables = all.flatMap(({ name, lines }) =>
    lines.flatMap(line => {
      const table = /const ([A-Z][A-Z_0-9]*): (?:Readonly<)?Record<string,/.exec(line)?.[1];
      return table === undefined ? [] : [{ table, name }];
    }),
  );
  t.true(tables.length > 10);
  const wrong = tables.flatMap(({ table, name: home }) => {
    const use = new RegExp(`\\b${table}\\[(?!'')`);
    const file = home.split('/').at(-1) ?? '';
    return all
      .filter(({ name, path }) => {
        const whole = readFileSync(path, 'utf8');
        return name === home || new RegExp(`import[^;]*\\b${table}\\b[^;]*from '[^']*/${file}'`).test(whole);
      })
      .flatMap(({ name, lines }) =>
        lines.flatMap((line, index) => (use.test(line) ? [`${name}:${index + 1} ${table}`] : [])),
      );
  });
  t.deepEqual(wrong, []);
});
