import { readFileSync } from 'node:fs';
import test from 'ava';
import { productSources, sourceName } from './sources.ts';

const MOST_OF_FILE = 320;
const MOST_OF_FUNCTION = 60;

/** The one longer function, as `file: name`: the table of system calls. */
const LONG = ['libc.ts: load'];

/** A function or method with a body, as the formatter leaves it: it ends at the first brace of the same depth. */
const HEAD =
  /^( *)(?:export )?(?:private |protected |static |override |async |get )*(?:function\*? )?(\w+)(?:<[^>]*>)?\((?:.*\))?(?:: [^=]*)? \{$/;
const NO_FUNCTION = ['if', 'for', 'while', 'switch', 'catch', 'with'];

function* functionsOf(text: string): Generator<{ name: string; lines: number }> {
  const lines = text.split('\n');
  for (const [index, line] of lines.entries()) {
    // The parameters may take several lines: then the line with the body begins by their closing parenthesis
    const [, several] = /^( *)\)(?:: [^=]*)? \{$/.exec(line) ?? [];
    const [, single, word = ''] = HEAD.exec(line) ?? [];
    const indent = single ?? several;
    if (indent === undefined || NO_FUNCTION.includes(word)) continue;
    const opening =
      several === undefined
        ? index
        : lines.findLastIndex((one, at) => at < index && one.endsWith('(') && depthOf(one) === indent.length);
    const end = lines.findIndex((one, at) => at > index && one.startsWith(`${indent}}`));
    const name = word || (/(\w+)(?:<[^>]*>)?\($/.exec(lines[opening] ?? '')?.[1] ?? '');
    yield { name, lines: end - opening + 1 };
  }
}

function depthOf(line: string): number {
  return line.length - line.trimStart().length;
}

test('functions are found, with parameters on one line or several', t => {
  const text =
    'export function one(a: number): void {\n  two();\n}\nasync function three(\n  a: number,\n): Promise<void> {\n  if (a) {\n  }\n}\n';
  t.deepEqual(
    [...functionsOf(text)],
    [
      { name: 'one', lines: 3 },
      { name: 'three', lines: 6 },
    ],
  );
});

test('no file and no function is longer than the house allows', t => {
  const files = productSources().map(file => ({ name: sourceName(file), text: readFileSync(file, 'utf8') }));
  const lengthOf = (text: string): number => text.split('\n').length - 1;
  t.deepEqual(
    files.filter(({ text }) => lengthOf(text) > MOST_OF_FILE).map(({ name }) => name),
    [],
  );
  const long = files.flatMap(file =>
    [...functionsOf(file.text)]
      .filter(({ lines }) => lines > MOST_OF_FUNCTION)
      .map(({ name }) => `${file.name}: ${name}`),
  );
  t.deepEqual(
    long.filter(name => !LONG.includes(name)),
    [],
  );
  t.deepEqual(
    LONG.filter(name => !long.includes(name)),
    [],
    'these are short enough now: delete them from LONG',
  );
});
