// A node that was up and is silent: lost, or gone down in good order. And times that are nobody's fault.
import test from 'ava';
import type { Evidence } from '../../src/boot/evidence.ts';
import { planBoot } from '../../src/boot/plan.ts';
import { askWhy, FakeCluster, fakeBoots } from '../fakes/cluster.ts';

function world() {
  const fake = new FakeCluster();
  const { node } = fake.bootable();
  const it = fakeBoots(fake);
  const answer = planBoot(fake.cluster, node);
  if ('refused' in answer) throw new Error(answer.refused);
  it.boots.note({ stage: 'offered', mac: node.value.mac });
  const { id, boot } = it.boots.mint(answer.plan, 'x');
  const ask = (
    more: { listening?: number; evidence?: Evidence; power?: { state: 'on' | 'off' }; answers?: boolean } = {},
  ) => askWhy(it, node, answer, more);
  const up = (facts: Record<string, string> = {}, period = 10_000) => {
    it.boots.up(boot, {});
    it.statuses.beat(boot, facts, period);
  };
  return { ...it, node, id, ask, up, planOf: () => answer.plan };
}

test('a system that reboots by itself says so, and is waited for', t => {
  const { ask, up, clock, statuses, node } = world();
  up({ going_down: 'reboot' });
  t.is(statuses.of(node.uid).state, 'down', 'at once, not when heartbeats are missed');
  t.is(ask().rule, 'rebooting');
  clock.now += 120_000;
  t.like(ask(), { verdict: 'waiting', rule: 'rebooting' });
  t.is(ask().cause, 'It began to reboot 2 min ago; nothing is unusual yet.');
  clock.now += 600_000;
  t.like(ask(), { verdict: 'stuck', rule: 'reboot-hangs', certainty: 'guess' });
  t.like(ask({ power: { state: 'off' } }), { rule: 'powered-off' });
});

test('the last heartbeat of a system that goes down keeps what was known of it', t => {
  const { up, statuses, node } = world();
  up({ ram_free: '900' });
  up({ going_down: 'off' });
  t.like(statuses.of(node.uid).facts, { ram_free: '900', going_down: 'off' });
});

test('a system that was shut down is not lost', t => {
  const { ask, up, clock } = world();
  up({ going_down: 'off' });
  clock.now += 120_000;
  t.like(ask(), { verdict: 'stuck', rule: 'shut-down', certainty: 'certain' });
});

test('a power action explains the silence after it, and one of long ago does not', t => {
  const sent = world();
  sent.up();
  sent.clock.now += 5000;
  sent.boots.action(sent.node.uid, 'power cycle, by root', 'begin', 'up');
  sent.clock.now += 60_000;
  t.like(sent.ask(), { verdict: 'waiting', rule: 'rebooting' });

  const old = world();
  old.up();
  old.clock.now += 5000;
  old.boots.action(old.node.uid, 'reboot: soft, by root', 'begin', 'up');
  old.clock.now += 3600_000;
  const boot = old.boots.current(old.node.uid);
  if (boot) old.statuses.beat(boot, {}, 10_000);
  old.clock.now += 60_000;
  t.is(old.ask().rule, 'heartbeat-lost');
  t.is(old.ask().certainty, 'guess');
});

test('an unknown word for going down is ignored', t => {
  const { ask, up, clock } = world();
  up({ going_down: 'up' });
  clock.now += 120_000;
  t.is(ask().rule, 'heartbeat-lost');
});

test('a few missing heartbeats are nothing yet: a restart of the agent, a silent reboot, a slow node', t => {
  const { ask, up, clock, statuses, node } = world();
  up();
  clock.now += 45_000;
  t.is(statuses.of(node.uid).state, 'down');
  for (const answers of [true, false]) {
    const late = ask({ answers });
    t.like(late, { verdict: 'waiting', rule: 'heartbeat-late', certainty: 'certain' });
    t.regex(late.cause, /^Its heartbeat is late: the last one came 45 s ago, and it sends one every 10 s\./);
  }
  t.is(ask({ power: { state: 'off' } }).rule, 'powered-off', 'that is certain at once');
  clock.now += 10_000;
  t.is(ask({ answers: true }).rule, 'agent-stopped');
  t.is(ask({ answers: false }).rule, 'heartbeat-lost');
});

test('a fast heartbeat is late for half a minute, and a slow one for three periods', t => {
  const fast = world();
  fast.up({}, 2000);
  fast.clock.now += 29_000;
  t.is(fast.ask({ answers: true }).rule, 'heartbeat-late');
  fast.clock.now += 2000;
  t.is(fast.ask({ answers: true }).rule, 'agent-stopped');
  const slow = world();
  slow.up({}, 300_000);
  slow.clock.now += 910_000;
  t.is(slow.ask({ answers: true }).rule, 'heartbeat-late');
  slow.clock.now += 20_000;
  t.is(slow.ask({ answers: true }).rule, 'agent-stopped');
});

test('a goodbye outlives a restart of musterd, and a heartbeat takes it back', t => {
  const { ask, up, boots, clock, statuses, node } = world();
  up();
  const boot = boots.current(node.uid);
  if (!boot) return t.fail('no boot');
  clock.now += 5000;
  boots.goodbye(boot, 'up');
  clock.now += 60_000;
  t.is(statuses.of(node.uid).facts['going_down'], undefined, 'heartbeats are in memory only');
  t.like(ask({ answers: true }), { verdict: 'waiting', rule: 'rebooting' });
  t.is(ask().cause, 'It began to reboot 60 s ago; nothing is unusual yet.');
  boots.goodbye(boot, undefined);
  t.is(ask({ answers: true }).rule, 'agent-stopped');
});

test('a head that was restarted gives its nodes their time again', t => {
  const { ask, clock } = world();
  clock.now += 300_000;
  t.is(ask().verdict, 'stuck');
  const restarted = ask({ listening: 10 });
  t.like(restarted, { verdict: 'waiting', rule: 'booting' });
  t.regex(restarted.cause, /stage 5, script, 5 min ago \(musterd was started 10 s ago\); nothing is unusual yet\.$/);
  t.is(ask({ listening: 100 }).verdict, 'stuck');
});

test('a kernel over a slow link is no fault, however long it takes', t => {
  const { ask, clock } = world();
  clock.now += 900_000;
  const tcp = {
    ago: 0,
    sent: 40,
    again: 2,
    segment: 1448,
    unacknowledged: 10,
    retransmits: 1,
    acknowledged: 5 << 20,
    quiet: 0.4,
  };
  const slow = ask({ evidence: { path: { answers: true, tcp } } });
  t.like(slow, { verdict: 'waiting', rule: 'booting' });
  t.regex(slow.cause, /has fetched 5\.0 MiB of kernel and initramfs/);
  t.is(ask({ evidence: { path: { answers: true, tcp: { ...tcp, quiet: 30 } } } }).verdict, 'stuck');
});

test('a node that comes up and starts again, time after time, is named while it looks well', t => {
  const { ask, boots, clock, statuses, node, planOf } = world();
  const comeUp = (times: number, seconds: number): void => {
    for (let time = 0; time < times; time += 1) {
      boots.note({ stage: 'addressed', mac: node.value.mac });
      const plan = planOf();
      const { boot } = boots.mint(plan, 'x');
      clock.now += 60_000;
      boots.up(boot, {});
      statuses.beat(boot, {}, 10_000);
      clock.now += seconds * 1000;
    }
  };
  comeUp(3, 30);
  t.is(ask().rule, 'up', 'twice may be chance');
  comeUp(1, 30);
  const found = ask();
  t.like(found, { verdict: 'failed', rule: 'keeps-restarting', certainty: 'guess' });
  t.regex(found.cause, /^It came up 3 times in \d+ min and restarted each time, without a power action of muster:/);
  clock.now += 700_000;
  const [, , , last] = boots.of(node.uid).slice(-4);
  if (last) statuses.beat(last, {}, 10_000);
  t.is(ask().rule, 'up', 'it stays up now');
});

test('a node that an administrator cycles again and again is no loop', t => {
  const { ask, boots, clock, statuses, node, planOf } = world();
  for (let time = 0; time < 6; time += 1) {
    boots.note({ stage: 'addressed', mac: node.value.mac });
    const { boot } = boots.mint(planOf(), 'x');
    clock.now += 60_000;
    boots.up(boot, {});
    statuses.beat(boot, {}, 10_000);
    clock.now += 30_000;
    if (time < 5) boots.action(node.uid, 'power cycle, by root', 'begin', 'up');
  }
  t.is(ask().rule, 'up');
});

test('a node that reboots itself in good order is no panic; six times are a loop', t => {
  const { ask, boots, clock, statuses, node, planOf } = world();
  const comeUp = (): void => {
    boots.note({ stage: 'addressed', mac: node.value.mac });
    const { boot } = boots.mint(planOf(), 'x');
    clock.now += 60_000;
    boots.up(boot, {});
    statuses.beat(boot, {}, 10_000);
    clock.now += 30_000;
    boots.goodbye(boot, 'up');
  };
  for (let time = 0; time < 6; time += 1) comeUp();
  t.is(ask().rule, 'up');
  comeUp();
  const found = ask();
  t.like(found, { verdict: 'failed', rule: 'keeps-rebooting', certainty: 'guess' });
  t.regex(found.cause, /^It came up 6 times in \d+ min and rebooted cleanly each time/);
});
