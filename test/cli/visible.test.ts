import test from 'ava';
import fc from 'fast-check';
import { changeLines } from '../../src/cli/file-changes.ts';
import { previewText } from '../../src/cli/files/preview-action.ts';
import { differenceLines } from '../../src/cli/files/words.ts';
import { listText, tableText } from '../../src/cli/listing.ts';
import { columnsOf, cutTo, padded, visible } from '../../src/cli/visible.ts';
import { run } from '../../src/process/run.ts';
import { requireAll } from '../support/require.ts';

const shown = (name: string, fields: Record<string, unknown>) => ({
  uid: 'f'.repeat(32),
  revision: 1,
  created: 0,
  modified: 0,
  name,
  ...fields,
});
const text = fc.string({
  unit: fc.oneof(
    fc.constantFrom('a', '日', 'é', 'e\u0301', '😀', '\u001b', '\n', '\u202e', '한', 'ﾊ'),
    fc.string({ unit: 'binary', maxLength: 1 }),
  ),
});

test('nothing that a terminal acts on is left, and what it was can be seen', t => {
  t.is(visible('a\u001b[2Jb\nc\u009bd\u202e'), 'a\\x1b[2Jb\\nc\\x9bd\\u202e');
  fc.assert(fc.property(text, one => t.notRegex(visible(one), /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u)));
});

test('lines of files are shown with their tabs, and nothing else of them acts on a terminal', t => {
  const hostile = '\ta\u001b]0;x\u0007\u202e';
  const plain = { bold: String, red: String, green: String, dim: String };
  const texts = [
    ...differenceLines([
      { path: '/\u202ea', action: 'changed', about: [`target ${hostile}`], lines: [`+ ${hostile}`] },
    ]),
    ...changeLines(plain as never, { path: '/a', change: 'changed', secret: false, lines: [`- ${hostile}`, hostile] }),
    previewText(plain as never, { same: 0, groups: [], failed: [{ nodes: ['n0'], reason: hostile }] }),
  ];
  t.notRegex(texts.join('\n').replaceAll(/[\n\t]/g, ''), /[\p{Cc}\u202e]/u);
  t.true(texts.includes('    + \ta\\x1b]0;x\\x07\\u202e'));
});

test('cut texts fit, padded ones are aligned, and no character is split', t => {
  fc.assert(
    fc.property(text.map(visible), fc.nat(30), (one, columns) => {
      t.true(columnsOf(cutTo(one, columns)) <= columns);
      t.notRegex(cutTo(one, columns), /\p{Cs}/u);
      t.is(columnsOf(padded(one, columns, 'end')), Math.max(columns, columnsOf(one)));
    }),
  );
});

// Unicode's own data, as Python has it: East_Asian_Width W and F take two columns, non-spacing and enclosing marks none.
test('letters of every script take the columns that Unicode says', async t => {
  if (!requireAll(t, { programs: ['python3'] })) return;
  const script = `import unicodedata, json
rows = []
for first, last in [(0x20, 0x7e), (0xa0, 0x17f), (0x300, 0x36f), (0x370, 0x5ff), (0x1100, 0x115f), (0x3041, 0x3247), (0x4e00, 0x4f00), (0xac00, 0xad00), (0xff01, 0xffe6), (0x1f300, 0x1f320), (0x20000, 0x20100)]:
    for code in range(first, last + 1):
        sign = chr(code)
        kind = unicodedata.category(sign)
        if kind in ('Cn', 'Cf'): continue
        rows.append([sign, 0 if kind in ('Mn', 'Me') else 2 if unicodedata.east_asian_width(sign) in 'WF' else 1])
print(json.dumps(rows))`;
  const { stdout } = await run('python3', ['-c', script], { keepBytes: 1 << 24 });
  const rows = JSON.parse(stdout) as [string, number][];
  t.true(rows.length > 1000);
  const wrong = rows.filter(([sign, columns]) => columnsOf(sign) !== columns);
  t.deepEqual(
    wrong.map(([sign]) => `U+${sign.codePointAt(0)?.toString(16)} ${sign}`),
    [],
  );
});

test('a table with wide and hostile values has one line for each object, and its columns are aligned', t => {
  const table = tableText(
    'Nodes',
    [shown('n0', { description: '日本' }), shown('n1', { description: 'a\nb\u001b[31m' })],
    ['description'],
    80,
  );
  const lines = table.trimEnd().split('\n');
  t.is(lines.length, 4);
  t.deepEqual(lines.filter((_, index) => index !== 1).map(columnsOf), [
    columnsOf(lines[0] ?? ''),
    columnsOf(lines[0] ?? ''),
    columnsOf(lines[0] ?? ''),
  ]);
  const list = listText(
    [shown('n0', { attributes: { note: 'a\nb: c' }, groups: ['x\u001b'] })],
    { showUids: false, fields: undefined },
    { title: 'Nodes', detail: 'long', now: 0 },
  );
  t.is(list, 'Nodes\n  n0\n    attributes\n      note: a\\nb: c\n    groups\n      x\\x1b\n    name: n0\n');
});
