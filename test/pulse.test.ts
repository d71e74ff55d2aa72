// Pings of helpers: which silence is a hang.
import test from 'ava';
import { Pulse } from '../src/pulse.ts';

const ticks = (pulse: Pulse, count: number): string[] => Array.from({ length: count }, () => pulse.tick());

test('a helper that answers each ping is pinged again', t => {
  const pulse = new Pulse(3);
  for (let round = 0; round < 5; round += 1) {
    t.is(pulse.tick(), 'ping');
    pulse.heard();
  }
});

test('a helper that is slow is not a helper that hangs', t => {
  const pulse = new Pulse(3);
  pulse.heard();
  t.deepEqual(ticks(pulse, 3), ['ping', 'wait', 'wait']);
  pulse.heard();
  t.deepEqual(ticks(pulse, 3), ['ping', 'wait', 'wait']);
});

test('a helper that stops to answer hangs once, and is stuck once when it does not end', t => {
  const pulse = new Pulse(3);
  pulse.heard();
  t.deepEqual(ticks(pulse, 8), ['ping', 'wait', 'wait', 'hung', 'wait', 'stuck', 'wait', 'wait']);
});

test('a helper that has never answered is still starting', t => {
  t.false(ticks(new Pulse(3), 100).includes('hung'));
});
