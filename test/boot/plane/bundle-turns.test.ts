// Bundles of files in memory: one for each boot, and a bounded number of bytes for all of them.
import test from 'ava';
import { type BundleTurn, BundleTurns } from '../../../src/boot/plane/bundle-turns.ts';

async function begun(turns: BundleTurns, boot: string): Promise<BundleTurn> {
  const turn = await turns.begin(boot);
  if (!turn) throw new Error('no turn');
  return turn;
}

test('a later request of a boot replaces the earlier one once that has ended; of several that wait, the last one continues', async t => {
  const turns = new BundleTurns();
  const first = await begun(turns, 'a');
  let cut = 0;
  first.onReplaced(() => {
    cut += 1;
  });
  const [second, third] = [turns.begin('a'), turns.begin('a')];
  t.true(first.isReplaced);
  t.true(cut > 0);
  t.is(await second, undefined);
  t.true(await begun(turns, 'b').then(turn => turn.take(1)), 'another boot does not wait');
  first.end();
  first.end();
  const last = await third;
  t.false(last?.isReplaced);
  last?.end();
  t.true((await begun(turns, 'a')).take(1));
});

test('bytes are bounded; a single bundle may be larger; one that takes too long is cut off for others', async t => {
  const clock = { now: 0 };
  const turns = new BundleTurns(100, () => clock.now);
  const [slow, other] = [await begun(turns, 'slow'), await begun(turns, 'other')];
  t.true(slow.take(150));
  t.false(other.take(1));
  t.false(slow.isReplaced);
  clock.now = 60_000;
  t.false(other.take(1));
  t.true(slow.isReplaced);
  slow.end();
  t.true(other.take(60));
  t.true(other.take(90), 'again for the same bundle');
  const third = await begun(turns, 'third');
  t.false(third.take(11));
  t.true(third.take(10));
  other.end();
  t.false((await begun(turns, 'fourth')).take(91));
});
