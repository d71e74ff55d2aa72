// What `--json`, `--yaml` and `--csv` write, read by the programs that people read it with.
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { csvOf, jsonText, yamlText } from '../../src/cli/data-texts.ts';
import { run } from '../../src/process/run.ts';
import { requireAll } from '../support/require.ts';

/** Texts that some reader takes for something else. */
const TRAPS = [
  ...[
    'no',
    'Yes',
    'y',
    'N',
    'on',
    'OFF',
    'true',
    'False',
    'null',
    'Null',
    '~',
    '',
    ' ',
    '.',
    '..',
    '-',
    '--',
    '---',
    '...',
  ],
  ...[
    '1e3',
    '1E3',
    '0x10',
    '0o10',
    '010',
    '007',
    '0b1',
    '1_000',
    '+1',
    '-1',
    '1.',
    '.5',
    '.inf',
    '-.INF',
    '.nan',
    'inf',
    'NaN',
  ],
  ...[
    '52:54:00:00:00:01',
    '12:30:45',
    '1:0',
    '2023-01-31',
    '2023-01-31 23:07:36',
    '2001-12-14t21:59:43.10-05:00',
    '=',
    '<<',
  ],
  ...[
    'a: b',
    'a #b',
    '#b',
    '- a',
    '? a',
    '! a',
    '& a',
    '* a',
    '%a',
    '@a',
    '`a',
    '|',
    '>',
    '[a]',
    '{a}',
    'a,b',
    '"',
    "'",
    "''",
    '\\',
    '\\n',
  ],
  ...[
    'a\nb',
    '\n',
    'a\r\nb',
    '\ta',
    'a ',
    ' a',
    'a\u0085b',
    'a\u2028b',
    '\ufeffa',
    '\u0000',
    '\u001b[2J',
    '\u007f',
    '\u009b',
    '\ufffe',
    'é',
    '日本',
    '😀',
  ],
  ...[
    '=cmd()',
    '+1+1',
    '-2+3',
    '@SUM(A1)',
    "'=1",
    '\t=1',
    '\r=1',
    'x'.repeat(200),
    `${'word '.repeat(40)}end`,
    '!!python/object:x',
  ],
];
const text = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...TRAPS) },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constantFrom(...TRAPS), fc.constantFrom(...TRAPS)).map(([one, two]) => one + two),
  },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
);
const number = fc.oneof(
  fc.integer(),
  fc.maxSafeInteger(),
  fc.constantFrom(0, 1e21, 1e-7, 1.5e300, -2.5e-9, 1_675_206_967_000, 0.1),
);
const scalar = fc.oneof(text, number, fc.boolean(), fc.constant(null));
const key = text.filter(name => name !== '__proto__');
const record = (value: fc.Arbitrary<unknown>) => fc.dictionary(key, value, { maxKeys: 4 });
const value = fc.oneof(
  scalar,
  fc.array(scalar, { maxLength: 3 }),
  record(scalar),
  fc.array(record(scalar), { maxLength: 2 }),
);
const documents = (): unknown[] => [
  ...fc.sample(fc.array(record(value), { maxLength: 3 }), { seed: 5, numRuns: 300 }),
  TRAPS,
  Object.fromEntries(TRAPS.map(name => [name, name])),
  [[[1], []], [{}], { a: { b: [{ c: [] }] } }],
  ...TRAPS,
  0,
];

/** Gives each text to a program that answers with JSON a line; the texts come as JSON, so that nothing between changes them. */
async function readBy(t: ExecutionContext, program: string, texts: readonly string[]): Promise<unknown[]> {
  const script = `import json, sys
for line in sys.stdin:
    text = json.loads(line)
    print(json.dumps(${program}, sort_keys=True))`;
  const input = texts.map(one => `${JSON.stringify(one)}\n`).join('');
  const { status, stdout, stderr } = await run('python3', ['-c', script], { input, keepBytes: 1 << 26 });
  t.is(status, 0, stderr);
  return stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as unknown);
}

/** As JSON has them: `-0` is 0. */
const plain = (data: unknown): unknown => JSON.parse(JSON.stringify(data));

test('PyYAML reads every value as it was: MACs, dates, truth words, numbers in disguise, control characters', async t => {
  if (!requireAll(t, { programs: ['python3'] })) return;
  const data = documents();
  const texts = data.map(yamlText);
  const read = await readBy(t, `__import__('yaml').safe_load(text)`, texts);
  for (const [index, one] of data.entries()) t.deepEqual(read[index], plain(one), texts[index]);
});

test('the library that muster itself reads YAML with agrees', async t => {
  const { parse } = await import('yaml');
  for (const one of documents()) t.deepEqual(parse(yamlText(one)), plain(one), yamlText(one));
});

test('YAML is plain where it can be, and a list of objects looks as people write it', t => {
  const data = [
    { name: 'n0', mac: '52:54:00:00:00:01', groups: ['gpu', 'no'], attributes: {}, index: 7, note: 'two words' },
  ];
  t.is(
    yamlText(data),
    '- name: n0\n  mac: "52:54:00:00:00:01"\n  groups:\n    - gpu\n    - "no"\n  attributes: {}\n  index: 7\n  note: two words\n',
  );
});

test('jq reads JSON as it was, and no byte of it is a control character', async t => {
  if (!requireAll(t, { programs: ['jq'] })) return;
  const data = documents();
  for (const pretty of [true, false]) {
    const input = data.map(one => jsonText(one, pretty)).join('');
    t.notRegex(input.replaceAll('\n', ''), /[\p{Cc}\u2028\u2029]/u);
    const { stdout, status, stderr } = await run('jq', ['-c', '.'], { input, keepBytes: 1 << 26 });
    t.is(status, 0, stderr);
    const lines = stdout.trim().split('\n');
    for (const [index, one] of data.entries()) t.deepEqual(JSON.parse(lines[index] ?? ''), plain(one));
  }
});

test("Python's csv reads every cell as it was: texts as texts, numbers as numbers, and nothing that is calculated", async t => {
  if (!requireAll(t, { programs: ['python3'] })) return;
  const rows = fc.sample(
    fc.array(fc.record({ a: text, b: number, c: fc.oneof(text, number) }), { minLength: 1, maxLength: 4 }),
    {
      seed: 9,
      numRuns: 200,
    },
  );
  const read = await readBy(
    t,
    `list(__import__('csv').reader(__import__('io').StringIO(text, newline=''), quoting=__import__('csv').QUOTE_NONNUMERIC, strict=True))`,
    rows.map(csvOf),
  );
  for (const [index, wanted] of rows.entries()) {
    const [head, ...cells] = read[index] as (string | number)[][];
    t.deepEqual(head, ['a', 'b', 'c']);
    const texts = cells.flat().filter(cell => typeof cell === 'string');
    for (const cell of texts) t.notRegex(cell, /^[=+\-@\t\r]/, 'a spreadsheet would calculate it');
    const back = cells.map(row => row.map(cell => (typeof cell === 'string' ? cell.replace(/^'/, '') : cell)));
    t.deepEqual(
      back,
      wanted.map(({ a, b, c }) => [a, b, c]),
    );
  }
});

test('CSV of data that is not a plain list: a column for each name, lists with commas, the rest as JSON', t => {
  const data = [
    { name: 'n0', groups: ['a', 'b'], frozen: true },
    { name: 'n1', attributes: { x: '1' }, note: null },
  ];
  t.is(
    csvOf(data),
    '"name","groups","frozen","attributes","note"\r\n"n0","a,b","true","",""\r\n"n1","","","{""x"":""1""}",""\r\n',
  );
  t.is(csvOf(['a', 'b']), '"value"\r\n"a"\r\n"b"\r\n');
  t.is(csvOf([{ urls: ['http://a/?x=1,2'] }]), '"urls"\r\n"[""http://a/?x=1,2""]"\r\n');
});
