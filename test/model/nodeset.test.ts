import { readFileSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { MusterError } from '../../src/errors.ts';
import { expandNodeSet, foldNodeSet } from '../../src/model/nodeset.ts';
import { run, runOk } from '../../src/process/run.ts';
import { findProgram, requireAll } from '../support/require.ts';

const prefixes = fc.constantFrom('n', 'node', 'rack1-n', 'r2c', 'a-b');
const suffixes = fc.constantFrom('', '', '', '-ib', 'x');
const numbers = fc.oneof(fc.nat(30), fc.nat(1200));
const width = fc.constantFrom(0, 0, 2, 3);

/** A single name: `n7`, `n007`, `rack1-n12-ib`. */
const name = fc
  .tuple(prefixes, numbers, width, suffixes)
  .map(([prefix, number, digits, suffix]) => `${prefix}${String(number).padStart(digits, '0')}${suffix}`);

/** A range as people write it: `3`, `0-7`, `08-11`, `0-20/5`. */
const range = fc
  .tuple(fc.nat(40), fc.nat(25), fc.constantFrom(1, 1, 1, 2, 5), fc.boolean())
  .map(([from, more, step, padded]) => {
    const pad = (value: number): string => (padded ? String(value).padStart(3, '0') : String(value));
    if (more === 0) return pad(from);
    return `${pad(from)}-${pad(from + more)}${step > 1 ? `/${step}` : ''}`;
  });

/** A whole expression with one or two brackets in a name. */
const expression = fc
  .array(
    fc.oneof(
      name,
      fc
        .tuple(prefixes, fc.array(range, { minLength: 1, maxLength: 3 }), suffixes)
        .map(([prefix, ranges, suffix]) => `${prefix}[${ranges.join(',')}]${suffix}`),
      fc.tuple(range, range).map(([left, right]) => `r[${left}]s[${right}]`),
    ),
    { minLength: 1, maxLength: 4 },
  )
  .map(parts => parts.join(','));

const sorted = (names: Iterable<string>): string[] => [...new Set(names)].sort();

test('folded names expand to the same names', t => {
  fc.assert(
    fc.property(fc.array(name, { maxLength: 40 }), names => {
      const folded = foldNodeSet(names);
      t.deepEqual(names.length === 0 ? [] : sorted(expandNodeSet(folded)), sorted(names));
    }),
  );
});

test('folding the names of an expression, and expanding the result, gives the same names', t => {
  fc.assert(
    fc.property(expression, text => {
      const names = expandNodeSet(text);
      t.deepEqual(sorted(expandNodeSet(foldNodeSet(names))), sorted(names));
      t.deepEqual(sorted(expandNodeSet(foldNodeSet([...names].reverse()))), sorted(names));
    }),
  );
});

test('numbers fold into ranges, padded ones by width, whatever their order', t => {
  t.is(foldNodeSet(['n0', 'n1', 'n2', 'n7']), 'n[0-2,7]');
  t.is(foldNodeSet(['n10', 'n08', 'n09']), 'n[08-10]');
  t.is(foldNodeSet(['n9', 'n09', 'n10']), 'n[9,09-10]');
  t.is(foldNodeSet(['n1-ib', 'n2-ib']), 'n[1-2]-ib');
  t.is(foldNodeSet(['n3']), 'n3');
  t.is(foldNodeSet(['login', 'n3']), 'n3,login');
  t.is(foldNodeSet([]), '');
});

test('names keep the order of the expression, without duplicates', t => {
  t.deepEqual(expandNodeSet('n[7,0-2],n1,login'), ['n7', 'n0', 'n1', 'n2', 'login']);
  t.deepEqual(expandNodeSet('n[08-10]'), ['n08', 'n09', 'n10']);
  t.deepEqual(expandNodeSet('n[0-10/5]'), ['n0', 'n5', 'n10']);
});

test('an invalid expression is refused with the reason', t => {
  const refusals: [string, RegExp][] = [
    ['n[0-', /a '\[' is not closed/],
    ['n0]', /the bracket at character 3 has no partner/],
    ['n[[0]]', /the bracket at character 3 has no partner/],
    ['n0,,n1', /a name is missing before or after a comma/],
    ['n[3-1]', /the range '3-1' runs backwards/],
    ['n[a-b]', /'a-b' is neither a number nor a range/],
    ['n[]', /'' is neither a number nor a range/],
    ['n[0-4/0]', /the step of '0-4\/0' must be 1 or more/],
    ['n[01-100]', /the ends of '01-100' are padded to different widths/],
    ['n[0-9999999]', /it names more than 1000000 nodes/],
    ['n[0-99999][0-99999]', /it names more than 1000000 nodes/],
  ];
  for (const [text, reason] of refusals) {
    const error = t.throws(() => expandNodeSet(text), { instanceOf: MusterError, message: reason }, text);
    t.is(error?.code, 'bad-selection');
  }
});

test('a hostile set is counted before any name is made: it costs no stack, memory or time', t => {
  const hostile = [
    `n[${Array(200).fill('0-999999').join(',')}]`,
    `n${'[0-99]'.repeat(2000)}`,
    `n${'[0]'.repeat(20_000)}[0-999999]`,
    `n[0-999999]${'x'.repeat(10_000)}`,
    Array(2000).fill('n[0-999]').join(','),
    'n[0-999999999999999]',
    `n[${'0,'.repeat(300_000)}0-999999]`,
  ];
  for (const text of hostile) {
    const error = t.throws(() => expandNodeSet(text), { instanceOf: MusterError, message: /names more than 1000000/ });
    t.true((error?.message.length ?? 0) < 300, 'the error does not repeat it all');
  }
  t.is(expandNodeSet(`n${'[7]'.repeat(5000)}`)[0]?.length, 5001);
  t.is(expandNodeSet('n[0-999999]').length, 1_000_000);
});

/** The Python that Debian's `nodeset` runs in, which knows its library. */
function interpreter(): string {
  const [first = ''] = readFileSync(findProgram('nodeset') ?? '', 'utf8').split('\n');
  return first.replace(/^#!\s*/, '');
}

/** One process for all expressions: a line of input, a line of answer. */
async function clusterShell(t: ExecutionContext, show: string, lines: readonly string[]): Promise<string[]> {
  const script = `import sys
from ClusterShell.NodeSet import NodeSet
for line in sys.stdin:
    nodes = NodeSet(line.strip())
    print(${show})`;
  const result = await run(interpreter(), ['-c', script], { input: `${lines.join('\n')}\n`, keepBytes: 64 << 20 });
  t.is(result.status, 0, result.stderr);
  return result.stdout.trimEnd().split('\n');
}

test('ClusterShell reads the same names from hundreds of expressions, and from folded ones', async t => {
  if (!requireAll(t, { programs: ['nodeset'] })) return;
  const expressions = fc.sample(expression, { numRuns: 400, seed: 54 });
  const ours = expressions.map(text => expandNodeSet(text));
  const expanded = await clusterShell(t, '" ".join(nodes)', expressions);
  const folded = await clusterShell(t, 'str(nodes)', expressions);
  const ourFolds = ours.map(names => foldNodeSet(names));
  const refolded = await clusterShell(t, '" ".join(nodes)', ourFolds);
  for (const [index, text] of expressions.entries()) {
    const names = sorted(ours[index] ?? []);
    t.deepEqual(names, sorted((expanded[index] ?? '').split(' ')), `ClusterShell's names of ${text}`);
    t.deepEqual(names, sorted(expandNodeSet(folded[index] ?? '')), `ClusterShell's fold of ${text}: ${folded[index]}`);
    t.deepEqual(names, sorted((refolded[index] ?? '').split(' ')), `our fold of ${text}: ${ourFolds[index]}`);
  }
});

test('the program nodeset expands and folds all of them to the same set', async t => {
  if (!requireAll(t, { programs: ['nodeset'] })) return;
  const expressions = fc.sample(expression, { numRuns: 200, seed: 8 });
  const names = sorted(expressions.flatMap(text => expandNodeSet(text)));
  const expanded = await runOk('nodeset', ['-e', '-S', ',', ...expressions]);
  t.deepEqual(sorted(expanded.trim().split(',')), names);
  const folded = await runOk('nodeset', ['-f', ...expressions]);
  t.deepEqual(sorted(expandNodeSet(folded.trim())), names);
});

test('ClusterShell and muster refuse the same ranges', async t => {
  if (!requireAll(t, { programs: ['nodeset'] })) return;
  for (const text of ['n[01-100]', 'n[1-010]', 'n[3-1]', 'n[0-', 'n[a-b]']) {
    t.not((await run('nodeset', ['-e', text])).status, 0, text);
    t.throws(() => expandNodeSet(text), { instanceOf: MusterError }, text);
  }
});
