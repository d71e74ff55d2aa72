import test from 'ava';
import { LeaseCount } from '../../src/dhcp/lease-count.ts';

test('an address counts once, for as long as it was last given', t => {
  const clock = { now: 0 };
  const leases = new LeaseCount(() => clock.now);
  leases.given('10.54.0.100', 60);
  leases.given('10.54.0.101', 120);
  clock.now = 50_000;
  leases.given('10.54.0.100', 60);
  t.is(leases.count(), 2);
  clock.now = 109_999;
  t.is(leases.count(), 2);
  clock.now = 110_000;
  t.is(leases.count(), 1);
  clock.now = 120_000;
  t.is(leases.count(), 0);
});
