// The clock of the head: a jump is noticed, logged, kept for the boots it was in, and bounded. Refusals are kept likewise.
import test from 'ava';
import { ClockSteps } from '../../src/clock.ts';
import { ClockWatch } from '../../src/evidence/clock-watch.ts';
import { Refusals } from '../../src/evidence/refusals.ts';

test('a jump of the wall clock against the monotonic one is noticed, forward and back', t => {
  let [wall, now] = [1_000_000, 0];
  const lines: unknown[] = [];
  const log = { warn: (fields: unknown) => void lines.push(fields) };
  const steps = new ClockSteps(
    () => wall,
    () => now,
  );
  const watch = new ClockWatch(log, steps, () => now);
  wall += 1000;
  now += 1000;
  t.deepEqual(watch.of(60), []);
  wall += 86_400_000 + 1000;
  now += 1000;
  watch.look();
  wall += 5000;
  now += 5000;
  t.deepEqual(watch.of(60), [{ ago: 5, by: 86_400_000 }]);
  t.deepEqual(watch.of(4), [], 'it was before this boot');
  wall -= 86_400_000;
  t.deepEqual(
    watch.of(60).map(({ by }) => by),
    [86_400_000, -86_400_000],
  );
  t.deepEqual(lines, [{ seconds: 86_400 }, { seconds: -86_400 }]);
  for (let index = 0; index < 100; index += 1) {
    wall += 10_000;
    watch.look();
  }
  t.is(watch.of(60).length, 10);
});

test('the last refusal of each peer is kept, counted and bounded', t => {
  let now = 0;
  const refusals = new Refusals(() => now);
  refusals.refused('10.0.0.1', 'no', 403);
  refusals.refused('10.0.0.1', 'no', 403);
  now = 5000;
  t.deepEqual(refusals.of('10.0.0.1', 10), { ago: 5, status: 403, reason: 'no', times: 2 });
  t.is(refusals.of('10.0.0.1', 4), undefined);
  refusals.refused('10.0.0.1', 'x'.repeat(100_000));
  t.is(refusals.of('10.0.0.1', 10)?.times, 1);
  t.is(refusals.of('10.0.0.1', 10)?.reason.length, 300);
  for (let index = 0; index < 10_000; index += 1) refusals.refused(`p${index}`, 'no', 403);
  t.is(refusals.of('10.0.0.1', 10), undefined);
  t.truthy(refusals.of('p9999', 10));
});
