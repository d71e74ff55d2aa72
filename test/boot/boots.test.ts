import test from 'ava';
import { furthestStage, hashOf, tokenOf } from '../../src/boot/boot.ts';
import type { BootPlan } from '../../src/boot/boot-plan.ts';
import type { Boots } from '../../src/boot/boots.ts';
import type { Stage } from '../../src/boot/journey.ts';
import { planBoot } from '../../src/boot/plan.ts';
import { timelineOf } from '../../src/boot/timeline.ts';
import { FakeCluster, fakeBoots } from '../fakes/cluster.ts';

function bootable() {
  const fake = new FakeCluster();
  const { node, config } = fake.bootable();
  const answer = planBoot(fake.cluster, node);
  if ('refused' in answer) throw new Error(answer.refused);
  return { fake, node, config, plan: answer.plan, ...fakeBoots(fake) };
}

function see(boots: Boots, mac: string, ...stages: Stage[]): void {
  for (const stage of stages) boots.note({ stage, mac });
}

function mint(boots: Boots, plan: BootPlan) {
  return boots.mint(plan, `${plan.node.ip}:1000`);
}

test('one boot of a node whose firmware loads iPXE is one timeline with every stage', t => {
  const { boots, node, plan, clock } = bootable();
  see(boots, node.value.mac, 'offered', 'addressed', 'loader');
  clock.now += 2000;
  see(boots, node.value.mac, 'ipxe');
  const { id, boot } = mint(boots, plan);
  boots.note({ stage: 'kernel', session: id, bytes: 1000, detail: 'kernel' });
  for (const stage of ['initramfs', 'image', 'root'] as const) boots.note({ stage, session: id });
  clock.now += 3000;
  boots.up(boot, { cpus: '2' });
  const timeline = timelineOf(boot);
  t.is(boots.of(node.uid).length, 1);
  t.is(timeline.outcome, 'up');
  t.is(timeline.seconds, 5);
  t.true(timeline.rows.every(row => row.at !== undefined));
  t.is(timeline.rows[3]?.seconds, 2);
});

test('firmware that is iPXE itself skips the first three stages, and the timeline says so', t => {
  const { boots, node, plan } = bootable();
  see(boots, node.value.mac, 'ipxe');
  const { boot } = mint(boots, plan);
  t.deepEqual(
    timelineOf(boot)
      .rows.slice(0, 3)
      .map(row => row.skipped),
    Array(3).fill('iPXE is in the firmware'),
  );
});

test('a boot that is handed over is over; the loader of the local disk is its last word, and a new DISCOVER the next boot', t => {
  const { boots, node, plan } = bootable();
  see(boots, node.value.mac, 'offered', 'addressed', 'loader', 'ipxe');
  const { id, boot } = mint(boots, plan);
  boots.handOver(boot);
  t.is(timelineOf(boot).outcome, 'handed-over');
  t.like(boots.session(id, plan.node.ip), { gone: true });
  boots.note({ stage: 'loader', node: node.uid, detail: 'local-x86_64.efi over HTTP' });
  t.is(boots.of(node.uid).length, 1);
  see(boots, node.value.mac, 'offered');
  t.is(boots.of(node.uid).length, 2);
});

test('firmware that repeats its DISCOVER is still in the same boot', t => {
  const { boots, node } = bootable();
  see(boots, node.value.mac, 'offered', 'offered', 'addressed', 'offered', 'addressed', 'loader', 'ipxe', 'ipxe');
  t.is(boots.of(node.uid).length, 1);
});

test('a node that is switched off and on during its boot begins a new boot, and the old session is dead', t => {
  const { boots, node, plan } = bootable();
  see(boots, node.value.mac, 'offered', 'ipxe');
  const first = mint(boots, plan);
  see(boots, node.value.mac, 'offered');
  const answer = boots.session(first.id, plan.node.ip);
  t.is(boots.of(node.uid).length, 2);
  t.true('refused' in answer && /superseded/.test(answer.refused));
});

test('a second script in the same boot replaces the session', t => {
  const { boots, node, plan } = bootable();
  see(boots, node.value.mac, 'ipxe');
  const first = mint(boots, plan);
  const second = mint(boots, plan);
  t.true('refused' in boots.session(first.id, plan.node.ip));
  t.true('plan' in boots.session(second.id, plan.node.ip));
  t.is(boots.of(node.uid).length, 1);
});

test("a session answers only to the node's own address, and only until the node is up", t => {
  const { boots, plan } = bootable();
  const { id, boot } = mint(boots, plan);
  t.like(boots.session(id, '10.54.0.99'), { gone: false });
  t.true('plan' in boots.session(id, plan.node.ip));
  boots.up(boot, {});
  t.like(boots.session(id, plan.node.ip), { gone: true });
  t.like(boots.session('../../etc/passwd', plan.node.ip), { gone: true });
});

test('a session that never comes up dies of age', t => {
  const { boots, plan, clock } = bootable();
  const { id, boot } = mint(boots, plan);
  clock.now += 4 * 3_600_000 + 1;
  t.like(boots.session(id, plan.node.ip), { gone: true, expired: boot });
  t.is(boot.outcome, undefined, 'a question changes nothing');
  boots.expire(boot);
  t.is(boot.outcome, 'expired');
  t.like(boots.session(id, plan.node.ip), { gone: true, outcome: 'expired' });
});

test('a plan is frozen: a change during the boot does not reach the node', t => {
  const { boots, plan, fake, config } = bootable();
  const { id } = mint(boots, plan);
  fake.change(config, { cmdline: 'quite different', kernel: null });
  const answer = boots.session(id, plan.node.ip);
  t.true('plan' in answer && answer.plan.cmdline === 'enforcing=0' && answer.plan.kernel?.size === 1000);
});

test('a script is minted only after an ACK for a booting client, or shortly after a restart of the head', t => {
  const { boots, node, clock } = bootable();
  t.true(boots.mayMint(node.uid));
  clock.now += 3 * 60_000;
  t.false(boots.mayMint(node.uid));
  boots.grant(node.uid);
  t.true(boots.mayMint(node.uid));
  clock.now += 11 * 60_000;
  t.false(boots.mayMint(node.uid));
});

test('with another DHCP server the address alone is trusted', t => {
  const fake = new FakeCluster();
  const { node } = fake.bootable();
  const { boots, clock } = fakeBoots(fake, [], true);
  clock.now += 60 * 60_000;
  t.true(boots.mayMint(node.uid));
});

test('no secret is in what is saved, and a restarted head knows the session by its hash', t => {
  const { boots, plan, fake } = bootable();
  const { id, boot } = mint(boots, plan);
  const saved = JSON.stringify(boot);
  t.false(saved.includes(id));
  t.false(saved.includes(tokenOf(id)));
  const after = fakeBoots(fake, [JSON.parse(saved)]).boots;
  t.true('plan' in after.session(id, plan.node.ip));
  t.is(after.byHeartbeatToken(tokenOf(id))?.id, boot.id);
  t.is(boot.tokenHash, hashOf(tokenOf(id)));
});

test('an error is where the boot is stuck, until a later stage is reached', t => {
  const { boots, plan } = bootable();
  const { id, boot } = mint(boots, plan);
  boots.note({ stage: 'image', session: id, error: 'digest differs', fault: 'image-damaged' });
  t.like(timelineOf(boot), { outcome: 'failed', reason: 'image: digest differs' });
  boots.note({ stage: 'image', session: id });
  t.is(timelineOf(boot).outcome, 'booting');
});

test('a late error about a stage that the boot has passed is no failure', t => {
  const { boots, plan, node } = bootable();
  see(boots, node.value.mac, 'offered', 'addressed', 'ipxe');
  const { boot } = mint(boots, plan);
  boots.note({ stage: 'loader', mac: node.value.mac, error: 'timeout', fault: 'cut-off' });
  t.is(timelineOf(boot).outcome, 'booting');
});

test('a boot that goes no further says what it waits for', t => {
  const { boots, node } = bootable();
  see(boots, node.value.mac, 'offered');
  const boot = boots.current(node.uid);
  t.regex((boot && timelineOf(boot).reason) ?? '', /another DHCP server/);
});

test('history is bounded: ten boots a node, three hundred events a boot', t => {
  const { boots, plan, node, dropped } = bootable();
  for (let round = 0; round < 15; round += 1) boots.up(mint(boots, plan).boot, {});
  t.is(boots.of(node.uid).length, 10);
  t.is(dropped.length, 5);
  const { id, boot } = mint(boots, plan);
  for (let round = 0; round < 1000; round += 1) boots.note({ stage: 'initramfs', session: id, detail: `${round}` });
  t.true(boot.events.length <= 300);
  t.is(furthestStage(boot), 'initramfs');
});

test('a node is up by its heartbeat, down after three missing ones, booting when it boots again', t => {
  const { boots, plan, statuses, clock, node } = bootable();
  t.is(statuses.of(node.uid).state, 'unknown');
  const { boot } = mint(boots, plan);
  t.is(statuses.of(node.uid).state, 'booting');
  boots.up(boot, {});
  statuses.beat(boot, { ram_free: '100' }, 10_000);
  t.like(statuses.of(node.uid), { state: 'up', facts: { ram_free: '100' } });
  clock.now += 30_000;
  t.is(statuses.of(node.uid).state, 'up');
  clock.now += 1;
  t.is(statuses.of(node.uid).state, 'down');
  boots.note({ stage: 'offered', mac: node.value.mac });
  t.is(statuses.of(node.uid).state, 'booting');
});

test('after a restart of the head a node that was up stays up until it had time to say so', t => {
  const { boots, plan, fake, node } = bootable();
  const { boot } = mint(boots, plan);
  boots.up(boot, { cpus: '4' });
  const after = fakeBoots(fake, [JSON.parse(JSON.stringify(boot))]);
  t.like(after.statuses.of(node.uid), { state: 'up', hardware: { cpus: '4' } });
  after.clock.now += 30_001;
  t.is(after.statuses.of(node.uid).state, 'down');
});

test('changes of state are reported once', t => {
  const { boots, plan, statuses, node } = bootable();
  const { boot } = mint(boots, plan);
  t.deepEqual(statuses.changes([node.uid]), [{ node: node.uid, state: 'booting' }]);
  t.deepEqual(statuses.changes([node.uid]), []);
  boots.up(boot, {});
  statuses.beat(boot, {}, 10_000);
  t.deepEqual(statuses.changes([node.uid]), [{ node: node.uid, state: 'up' }]);
});

test('a silent boot counts as failed; one that may fetch an image only when its session is over', t => {
  const { boots, plan, statuses, clock, node } = bootable();
  const mac = node.value.mac;
  boots.note({ stage: 'offered', mac });
  t.is(statuses.of(node.uid).state, 'booting');
  clock.now += 9 * 60_000;
  t.is(statuses.of(node.uid).state, 'booting');
  clock.now += 3 * 60_000;
  t.like(statuses.of(node.uid), { state: 'failed', reason: 'offered: nothing was seen of it for 12 min' });
  t.deepEqual(statuses.changes([node.uid]), [{ node: node.uid, state: 'failed' }]);
  boots.note({ stage: 'offered', mac });
  t.is(statuses.of(node.uid).state, 'booting', 'it asks again');

  const { id } = mint(boots, plan);
  boots.note({ stage: 'initramfs', session: id });
  clock.now += 2 * 3_600_000;
  t.is(statuses.of(node.uid).state, 'booting', 'an image may take its time');
  clock.now += 3 * 3_600_000;
  t.is(statuses.of(node.uid).state, 'failed');
});

test('a kernel or an initramfs that was cut off each time does not count as sent', t => {
  const { boots, plan } = bootable();
  const { id: session, boot } = mint(boots, plan);
  const after = (file: 'kernel' | 'initramfs', complete: boolean) => {
    boots.note({ stage: 'kernel', session, file, complete });
    return timelineOf(boot).reason;
  };
  const cut = 'kernel or initramfs was cut off on its way: the node went away, or the network did';
  t.is(after('kernel', false), cut);
  t.not(after('kernel', true), cut);
  t.is(after('initramfs', false), cut);
  t.not(after('initramfs', true), cut);
});

test('of too many messages the least important go, the oldest of them: a flood of notices pushes no error out', t => {
  const { boots, node } = bootable();
  see(boots, node.value.mac, 'offered');
  const say = (severity: number, text: string): void => boots.message(node.uid, { severity, text });
  say(2, 'the error');
  say(6, 'information');
  for (let number = 1; number <= 120; number++) say(5, `notice ${number}`);
  const texts = (): string[] => boots.of(node.uid)[0]?.messages?.map(({ text }) => text) ?? [];
  t.is(texts().length, 100);
  t.deepEqual([texts()[0], texts()[1], texts().at(-1)], ['the error', 'notice 22', 'notice 120']);
  // What is less important than all of them has no room.
  say(7, 'debug');
  t.is(texts().at(-1), 'notice 120');
  say(3, 'the next error');
  t.deepEqual([texts()[0], texts()[1], texts().at(-1)], ['the error', 'notice 23', 'the next error']);
});

test('a boot is found by its id until it is dropped or its node is deleted', t => {
  const { boots, plan, node, dropped } = bootable();
  const first = mint(boots, plan).boot;
  boots.up(first, {});
  t.is(boots.byId(first.id), first);
  for (let round = 0; round < 10; round += 1) boots.up(mint(boots, plan).boot, {});
  t.deepEqual(dropped, [first.id]);
  t.is(boots.byId(first.id), undefined);
  const last = boots.current(node.uid);
  boots.forget(node.uid);
  t.is(boots.byId(last?.id ?? ''), undefined);
});

test('a heartbeat of a node that is up is saved only when it brings news of the hardware', t => {
  const { boots, plan, changed } = bootable();
  const { boot } = mint(boots, plan);
  boots.up(boot, { cpus: '2' });
  const before = changed.length;
  for (let beat = 0; beat < 100; beat += 1) boots.up(boot, {});
  boots.up(boot, { cpus: '2' });
  t.is(changed.length, before);
  boots.up(boot, { cpus: '4' });
  t.is(changed.length, before + 1);
  t.deepEqual(boot.hardware, { cpus: '4' });
});

test('a boot with any number of events knows the first of each stage it reached, and what was seen last', t => {
  const { boots, plan, node } = bootable();
  for (let round = 0; round < 11; round += 1) see(boots, node.value.mac, 'offered');
  const { id, boot } = mint(boots, plan);
  boots.note({ stage: 'initramfs', session: id });
  for (let round = 0; round < 10_000; round += 1)
    boots.note({ stage: 'image', session: id, error: `broken ${round}`, fault: 'node-failed' });
  t.is(boot.events.length, 300);
  t.is(furthestStage(boot), 'initramfs');
  t.like(timelineOf(boot), { outcome: 'failed', reason: 'image: broken 9999' });
  t.deepEqual(
    timelineOf(boot).rows.flatMap(({ stage, at }) => (at === undefined ? [] : [stage])),
    ['offered', 'script', 'initramfs', 'image'],
  );
});
