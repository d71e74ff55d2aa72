import test from 'ava';
import { Latest } from '../src/latest.ts';

test('the entries that were set last are kept, and setting one again makes it the newest', t => {
  const latest = new Latest<string, number>(2);
  latest.set('a', 1).set('b', 2).set('a', 3);
  t.deepEqual(
    [...latest],
    [
      ['b', 2],
      ['a', 3],
    ],
  );
  latest.set('c', 4);
  t.deepEqual([...latest.keys()], ['a', 'c']);
  for (let count = 0; count < 10_000; count += 1) latest.set(`${count}`, count);
  t.is(latest.size, 2);
});
