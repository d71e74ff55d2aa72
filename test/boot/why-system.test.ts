// What is wrong with a system that runs, by its facts: of a node that is up, and of one whose agent does not come.
import test from 'ava';
import { planBoot } from '../../src/boot/plan.ts';
import type { SystemFacts } from '../../src/boot/system-facts.ts';
import { systemTrouble } from '../../src/boot/why-system.ts';
import { BOOT_STYLES } from '../../src/model/values.ts';
import { askWhy, FakeCluster, fakeBoots } from '../fakes/cluster.ts';

const WELL: SystemFacts = {
  root_total: '400000',
  root_free: '300000',
  ram_total: '1000000',
  ram_free: '500000',
  memory_pressure: '0.00',
};
const ruleOf = (facts: Record<string, string>) =>
  systemTrouble({ name: 'n0', style: 'roram', facts: { ...WELL, ...facts } })?.rule;

test('a root that is full or fills, memory that is short, units that failed; and nothing of a system that is well', t => {
  t.is(ruleOf({}), undefined);
  t.is(systemTrouble({ name: 'n0', facts: {} }), undefined, 'an older agent reports nothing of it');
  t.is(ruleOf({ root_free: '0' }), 'root-full');
  t.is(ruleOf({ root_free: '3000' }), 'root-full');
  t.is(ruleOf({ root_free: '30000' }), 'root-filling');
  t.is(ruleOf({ root_inodes_free: '0' }), 'root-full');
  t.is(ruleOf({ root_inodes_free: '5' }), undefined);
  // A terabyte with five percent free has room for a while.
  t.is(ruleOf({ root_total: '1000000000', root_free: '50000000' }), undefined);
  t.is(ruleOf({ ram_free: '10000', memory_pressure: '35.20' }), 'memory-short');
  t.is(ruleOf({ ram_free: '10000', memory_pressure: '0.10' }), undefined, 'used, and nothing waits for it');
  t.is(systemTrouble({ name: 'n0', facts: { ram_total: '1000000', ram_free: '10000' } })?.rule, 'memory-short');
  t.is(ruleOf({ failed_units: 'a.service b.mount ' }), 'units-failed');
  for (const odd of ['-1', 'NaN', '1e9', '$(reboot)', '9'.repeat(40)])
    t.is(ruleOf({ root_free: odd, ram_free: odd }), undefined);
  t.is(ruleOf({ failed_units: "'; reboot" }), 'units-failed', 'a word that is a name stays');
  t.notRegex(systemTrouble({ name: 'n0', facts: { failed_units: "'; reboot" } })?.remedy ?? '', /';/);
});

test('a root that has become read-only is named before what follows from it', t => {
  const found = systemTrouble({
    name: 'n0',
    style: 'disked',
    facts: { root_readonly: 'yes', failed_units: 'cron.service' },
  });
  t.like(found, { rule: 'root-readonly', isSerious: true });
  t.is(systemTrouble({ name: 'n0', facts: { root_readonly: 'no' } }), undefined);
});

test('the remedy for a full root never names the style that the node has', t => {
  for (const style of BOOT_STYLES.filter(name => name !== 'next' && name !== 'live')) {
    const found = systemTrouble({ name: 'n0', style, facts: { ...WELL, root_free: '0' } });
    t.notRegex(found?.remedy ?? '', new RegExp(`\\b${style}\\b`));
  }
});

function world() {
  const fake = new FakeCluster();
  const { node } = fake.bootable();
  const it = fakeBoots(fake);
  const answer = planBoot(fake.cluster, node);
  if ('refused' in answer) throw new Error(answer.refused);
  it.boots.note({ stage: 'offered', mac: node.value.mac });
  const { id, boot } = it.boots.mint(answer.plan, 'x');
  const ask = () => askWhy(it, node, answer);
  return { ...it, node, id, boot, ask };
}

test('a node that is up says what is wrong with its system, and `node status` the same', t => {
  const { boots, boot, statuses, node, ask, clock } = world();
  boots.up(boot, {});
  statuses.beat(boot, { ...WELL }, 10_000);
  t.like(ask(), { verdict: 'well', rule: 'up' });
  t.is(statuses.of(node.uid).reason, undefined);
  statuses.beat(boot, { ...WELL, root_free: '0' }, 10_000);
  t.like(ask(), { verdict: 'failed', rule: 'root-full', certainty: 'certain' });
  t.is(ask().cause, 'n0 is up, and its root is full: 0 of 391 MiB are free.');
  t.is(statuses.of(node.uid).reason, 'its root is full: 0 of 391 MiB are free');
  t.is(statuses.of(node.uid).state, 'up');
  statuses.beat(boot, { ...WELL, failed_units: 'a.service' }, 10_000);
  t.like(ask(), { verdict: 'well', rule: 'units-failed' });
  t.is(ask().cause, 'n0 is up, and its system has a failed unit: a.service.');
  statuses.beat(boot, { ...WELL, ram_free: '900', memory_pressure: '60.00', oom_kills: '2' }, 10_000);
  t.is(
    ask().cause,
    'n0 is up, and its memory is used up: 1 of 977 MiB are free, and it waits for memory 60 % of the time; the kernel has killed 2 of its processes.',
  );
  clock.now += 600_000;
  t.is(ask().rule, 'heartbeat-lost');
  t.true(ask().evidence.some(line => line.startsWith('its last heartbeat reported: its memory is used up')));
});

test('a system whose agent does not come: the watcher says why, and a slow start is no fault', t => {
  const { boots, id, ask, clock, boot } = world();
  for (const stage of ['initramfs', 'image', 'root'] as const) boots.note({ stage, session: id });
  clock.now += 30_000;
  boots.note({
    stage: 'root',
    session: id,
    by: 'node',
    system: { ...WELL, starting_units: 'dev-sdb.device data.mount' },
  });
  const events = boot.events.length;
  clock.now += 60_000;
  boots.note({
    stage: 'root',
    session: id,
    by: 'node',
    system: { ...WELL, starting_units: 'dev-sdb.device data.mount' },
  });
  t.is(boot.events.length, events, 'what is told again and again is no event');
  clock.now += 40_000;
  t.like(ask(), { verdict: 'waiting', rule: 'booting' });
  t.regex(ask().cause, /systemd waits for dev-sdb\.device, data\.mount; nothing is unusual yet\.$/);
  clock.now += 60_000;
  boots.note({
    stage: 'root',
    session: id,
    by: 'node',
    system: { ...WELL, starting_units: 'dev-sdb.device data.mount' },
  });
  t.like(ask(), { verdict: 'stuck', rule: 'unit-hangs', certainty: 'certain' });
  t.regex(ask().cause, /systemd waits for dev-sdb\.device, data\.mount/);
  clock.now += 90_000;
  boots.note({ stage: 'root', session: id, by: 'node', system: { ...WELL, failed_units: 'muster-agent.service' } });
  t.like(ask(), { rule: 'agent-not-started', certainty: 'guess' });
  t.regex(ask().cause, /its agent, muster-agent\.service, fails/);
  boots.note({
    stage: 'root',
    session: id,
    by: 'node',
    system: { ...WELL, root_free: '0', failed_units: 'x.service' },
  });
  t.like(ask(), { rule: 'root-full', certainty: 'certain' });
  t.regex(ask().cause, /^Its system runs, but its agent cannot start: its root is full: 0 of/);
  clock.now += 600_000;
  t.is(ask().rule, 'agent-not-started', 'what was seen long ago says nothing of now');
});

test('a full root is named at once, also while the start is young', t => {
  const { boots, id, ask, clock } = world();
  boots.note({ stage: 'root', session: id });
  clock.now += 25_000;
  boots.note({ stage: 'root', session: id, by: 'node', system: { ...WELL, root_free: '0' } });
  clock.now += 10_000;
  t.like(ask(), { verdict: 'stuck', rule: 'root-full' });
});
