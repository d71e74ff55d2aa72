// Ten days in fast-forward, the short form of `npm run soak`; and the judgement itself.
import test from 'ava';
import { temporaryFolder } from '../cli/folder.ts';
import { requireAll } from '../support/require.ts';
import { MEASURES, type Measure, type Sample, verdicts } from './flat.ts';
import { live } from './life.ts';
import { SHORT } from './plans.ts';

test('after ten days of boots, heartbeats, edits, uploads and restarts, nothing grows', async t => {
  t.timeout(600_000);
  if (!requireAll(t, { root: true, programs: ['ip', 'mksquashfs'] })) return;
  const lived = await live(await temporaryFolder(t), { ...SHORT, say: line => t.log(line) });
  t.is(lived.failed, 0, lived.why);
  t.is(lived.restarts, 5);
  t.true(lived.boots >= SHORT.days * SHORT.nodes * SHORT.bootsPerDay);
  t.is(lived.heartbeats >= SHORT.days * SHORT.heartbeatsPerDay, true);
  for (const { measure, middle, end, limit, flat } of lived.verdicts)
    t.true(flat, `${measure}: ${middle} in the middle, ${end} at the end, at most ${limit}`);
});

function samples(values: (index: number) => Partial<Sample>): Sample[] {
  const still = Object.fromEntries(Object.keys(MEASURES).map(name => [name, 100])) as Sample;
  return Array.from({ length: 12 }, (_, index) => ({ ...still, ...values(index) }));
}

const growing = (list: Sample[]): Measure[] => verdicts(list).flatMap(({ measure, flat }) => (flat ? [] : [measure]));

test('what grows steadily is named, and a single high figure is not', t => {
  t.deepEqual(growing(samples(() => ({}))), []);
  t.deepEqual(growing(samples(index => ({ heap: 100 + 2 * index }))), ['heap']);
  t.deepEqual(growing(samples(index => ({ descriptors: 100 + 2 * index, boots: 100 + index }))), [
    'descriptors',
    'boots',
  ]);
  t.deepEqual(growing(samples(index => ({ rss: index === 10 ? 900 : 100 }))), []);
  t.deepEqual(growing(samples(index => ({ database: 100 - index }))), []);
});
