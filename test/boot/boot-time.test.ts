// A head whose clock is set in mid-boot, as NTP does on one whose battery is empty: lifetimes and durations are what they were.
import test from 'ava';
import type { Boot } from '../../src/boot/boot.ts';
import { planBoot } from '../../src/boot/plan.ts';
import { timelineOf } from '../../src/boot/timeline.ts';
import { why } from '../../src/boot/why.ts';
import { FakeCluster, fakeBoots } from '../fakes/cluster.ts';

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

function bootable() {
  const fake = new FakeCluster();
  const { node } = fake.bootable();
  const answer = planBoot(fake.cluster, node);
  if ('refused' in answer) throw new Error(answer.refused);
  return { fake, node, plan: answer.plan, ...fakeBoots(fake) };
}

const copyOf = (boot: Boot): Boot => JSON.parse(JSON.stringify(boot)) as Boot;

for (const step of [DAY_MS, -DAY_MS])
  test(`the clock goes ${step > 0 ? 'forward' : 'back'} by a day during a boot: the session, the state and every duration stay`, t => {
    const { boots, statuses, plan, node, clock } = bootable();
    boots.action(node.uid, 'power on', 'begin');
    clock.now += 5000;
    boots.note({ stage: 'ipxe', node: node.uid });
    const { id, boot } = boots.mint(plan, 'peer');
    clock.now += 2000;
    clock.ahead = step;
    boots.note({ stage: 'kernel', session: id });
    boots.message(node.uid, { severity: 3, text: 'a word' });
    t.true('plan' in boots.session(id, plan.node.ip));
    t.is(statuses.of(node.uid).state, 'booting');
    clock.now += 9 * MINUTE_MS;
    t.is(statuses.of(node.uid).state, 'booting', 'it is quiet for nine minutes');
    clock.now += 2 * MINUTE_MS;
    t.like(statuses.of(node.uid), { state: 'failed', reason: 'kernel: nothing was seen of it for 11 min' });
    boots.up(boot, {});
    statuses.beat(boot, {}, 10_000);
    const timeline = timelineOf(boot);
    t.is(timeline.seconds, 2 + 11 * 60);
    t.deepEqual([timeline.rows[3]?.seconds, timeline.rows[4]?.seconds, timeline.rows[5]?.seconds], [0, 0, 2]);
    t.is(timeline.actions[0]?.at, boot.started - 5000);
    t.is(timeline.messages[0]?.at, boot.started + 2000);
    clock.now += 5000;
    clock.ahead = 0;
    t.like(statuses.of(node.uid), { state: 'up', silence: 5, lastSeen: clock.now - 5000 + step });
    clock.now += 30_000;
    t.is(statuses.of(node.uid).state, 'down');
  });

test('a session that never came up dies at its age, also when the clock was put back', t => {
  const { boots, plan, clock } = bootable();
  const { id } = boots.mint(plan, 'peer');
  clock.ahead = -DAY_MS;
  clock.now += 4 * 60 * MINUTE_MS + 1;
  t.like(boots.session(id, plan.node.ip), { gone: true });
});

test('`why` tells durations that passed', t => {
  const { boots, statuses, plan, node, clock } = bootable();
  boots.note({ stage: 'offered', node: node.uid });
  clock.ahead = -DAY_MS;
  clock.now += 3 * MINUTE_MS;
  const newest = boots.current(node.uid);
  const explained = why({
    name: 'n0',
    mac: node.value.mac,
    boots: statuses.history(node.uid),
    status: statuses.of(node.uid),
    plan: { plan },
    now: clock.now + clock.ahead,
    ...(newest && { present: newest.started + boots.age(newest) }),
  });
  const words = JSON.stringify(explained);
  t.false(/-\d+ (s|min|h)\b/.test(words), words);
});

test('a restart of musterd keeps the age of a boot, whatever the wall clock shows', t => {
  const { boots, plan, fake, clock } = bootable();
  const { boot } = boots.mint(plan, 'peer');
  clock.now += MINUTE_MS;
  for (const ahead of [DAY_MS, -DAY_MS]) {
    const after = fakeBoots(fake, [copyOf(boot)], false, { now: clock.now, ahead });
    const loaded = after.boots.byId(boot.id);
    t.is(loaded && after.boots.age(loaded), MINUTE_MS);
  }
});

test('after a restart of the head a boot is as old as wall time says, never less than its events say, and never negative', t => {
  const { boots, plan, fake } = bootable();
  const { id, boot } = boots.mint(plan, 'peer');
  const ageAfter = (ahead: number): number => {
    const after = fakeBoots(fake, [copyOf(boot)], false, {
      now: 5000,
      ahead: boot.started + ahead - 5000,
      run: 'second',
    });
    const loaded = after.boots.byId(boot.id);
    return loaded ? after.boots.age(loaded) : Number.NaN;
  };
  t.is(ageAfter(MINUTE_MS), MINUTE_MS);
  t.is(ageAfter(-DAY_MS), 0);
  boot.events.push({ at: boot.started + 3000, stage: 'kernel' });
  t.is(ageAfter(-DAY_MS), 3000);
  t.is(ageAfter(1000), 3000);
  t.truthy(id);
});

test('boots of a node are in the order in which they began, also when the clock went back between them', t => {
  const { boots, plan, fake, node, clock } = bootable();
  const first = boots.mint(plan, 'peer').boot;
  boots.up(first, {});
  clock.ahead = -DAY_MS;
  const second = boots.mint(plan, 'peer').boot;
  t.true(second.started < first.started);
  const after = fakeBoots(fake, [copyOf(second), copyOf(first)], false, { now: clock.now, ahead: clock.ahead });
  t.deepEqual(
    after.boots.of(node.uid).map(({ id }) => id),
    [first.id, second.id],
  );
});
