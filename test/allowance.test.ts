import test from 'ava';
import { Allowance } from '../src/allowance.ts';

test('a burst at once, then a steady rate; a clock that goes back gives nothing', t => {
  let now = 1000;
  const allowance = new Allowance(2, 4, () => now);
  const take = (count: number): boolean[] => Array.from({ length: count }, () => allowance.take());
  t.deepEqual(take(3), [true, true, false]);
  now += 250;
  const copy = allowance.copy();
  t.deepEqual(take(2), [true, false]);
  t.deepEqual([copy.take(), copy.take()], [true, false]);
  now -= 5000;
  t.deepEqual(take(1), [false]);
  now += 60_000;
  t.deepEqual(take(3), [true, true, false]);
});
