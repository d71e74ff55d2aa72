// Clients that blocks of a size do not reach: what they are sent next, for how long, and how many are remembered.
import test from 'ava';
import { BlockLimits } from '../../src/tftp/block-limits.ts';

test('after a block size that does not reach a client smaller ones follow, and the limit is forgotten after an hour', t => {
  const clock = { now: 0 };
  const limits = new BlockLimits(() => clock.now);
  t.is(limits.of('10.0.0.7'), undefined);
  t.is(limits.stuck('10.0.0.7', 1468), 1024);
  t.is(limits.stuck('10.0.0.7', 1468), undefined, 'an older transfer of the same client says nothing new');
  t.is(limits.of('10.0.0.7'), 1024);
  t.is(limits.stuck('10.0.0.7', 1024), 512);
  t.is(limits.stuck('10.0.0.7', 512), undefined, 'RFC 791: every host takes that');
  t.is(limits.of('10.0.0.8'), undefined);
  clock.now += 3_600_001;
  t.is(limits.of('10.0.0.7'), undefined);
});

test('the latest stuck clients are remembered, however many there are', t => {
  const limits = new BlockLimits(() => 0);
  for (let number = 0; number < 50_000; number += 1) limits.stuck(`client ${number}`, 1468);
  const { limits: kept } = limits as unknown as { limits: Map<string, unknown> };
  t.is(kept.size, 8192);
  t.is(limits.of('client 49999'), 1024);
});
