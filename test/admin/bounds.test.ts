import test from 'ava';
import { boundsProblem } from '../../src/admin/bounds.ts';

test('lists without end and lists inside lists without end are refused; what a cluster needs is not', t => {
  t.is(boundsProblem(Array.from({ length: 100_000 }, () => ({ name: 'n', attributes: { a: 'b' } }))), undefined);
  t.is(boundsProblem(Buffer.alloc(200_000)), undefined);
  for (const value of [undefined, null, 'x', 1, {}]) t.is(boundsProblem(value), undefined);
  const long = Array.from({ length: 100_001 }, () => 1);
  t.is(boundsProblem({ leave: [{ join: long }] }), 'has a list of 100001 entries; 100000 at most');
  t.regex(boundsProblem(Object.fromEntries(long.map((_, at) => [at, null]))) ?? '', /100001 entries/);
  let deep: unknown = [];
  for (let depth = 0; depth < 100_000; depth += 1) deep = [deep];
  t.regex(boundsProblem(deep) ?? '', /more than 32 lists or objects inside each other/);
});
