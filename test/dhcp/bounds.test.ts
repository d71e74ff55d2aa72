import test from 'ava';
import { Quarantine } from '../../src/dhcp/quarantine.ts';
import { MESSAGES_PER_SECOND, Rate } from '../../src/dhcp/rate.ts';

test('a client that sends without end is answered so often in a second, and others are not touched', t => {
  let now = 0;
  const rate = new Rate(() => now);
  const allowed = Array.from({ length: 100 }, () => rate.allows('a')).filter(Boolean);
  t.is(allowed.length, MESSAGES_PER_SECOND);
  t.true(rate.allows('b'));
  now += 1000;
  t.true(rate.allows('a'));
});

test('an address leaves quarantine later each time it is declined again, and an hour resets that', t => {
  let now = 1_000_000;
  const quarantine = new Quarantine(() => now);
  t.is(quarantine.secondsLeft('10.54.0.100'), 0);
  quarantine.enter('10.54.0.100');
  t.is(quarantine.secondsLeft('10.54.0.100'), 10);
  now += 10_000;
  t.is(quarantine.secondsLeft('10.54.0.100'), 0);
  for (let i = 0; i < 20; i++) quarantine.enter('10.54.0.100');
  t.is(quarantine.secondsLeft('10.54.0.100'), 20, 'a DECLINE sent again, or passed on by a second relay, adds nothing');
  for (let i = 0; i < 20; i++) now += quarantine.enter('10.54.0.100');
  quarantine.enter('10.54.0.100');
  t.is(quarantine.secondsLeft('10.54.0.100'), 300);
  now += 3_600_001;
  quarantine.enter('10.54.0.100');
  t.is(quarantine.secondsLeft('10.54.0.100'), 10);
});
