// What the iSCSI target and the connections of a node say of it: each rule by a replayed boot, and what is no fault.
import test from 'ava';
import type { Evidence, IscsiLook } from '../../src/boot/evidence.ts';
import { planBoot } from '../../src/boot/plan.ts';
import type { WhyFacts } from '../../src/boot/why-case.ts';
import type { BootStyle } from '../../src/model/values.ts';
import { askWhy, FakeCluster, fakeBoots } from '../fakes/cluster.ts';

function world(style: BootStyle = 'iscsi') {
  const fake = new FakeCluster();
  const { node, config } = fake.bootable();
  fake.change(config, { boot_style: style });
  const it = fakeBoots(fake);
  const answer = planBoot(fake.cluster, node);
  if ('refused' in answer) throw new Error(answer.refused);
  it.boots.note({ stage: 'addressed', mac: node.value.mac });
  const { id, boot } = it.boots.mint(answer.plan, 'x');
  const reach = (...stages: readonly ('kernel' | 'initramfs' | 'image')[]): void => {
    for (const stage of stages) it.boots.note({ stage, session: id });
  };
  const ask = (evidence: Evidence, more: Partial<WhyFacts> = {}) =>
    askWhy(it, node, answer, { listening: 100_000, evidence, ...more });
  const beat = (): void => it.statuses.beat(boot, {}, 10_000);
  const up = (): void => {
    it.boots.up(boot, {});
    beat();
  };
  return { ...it, node, id, boot, reach, ask, up, beat };
}

const LOOK: IscsiLook = { address: '10.54.0.1', port: 3260, sessions: 0, breaks: [] };

test('an initramfs whose login fails while no connection arrives is behind a firewall', t => {
  const it = world();
  it.reach('kernel', 'initramfs');
  it.clock.now += 5000;
  it.boots.note({ stage: 'image', node: it.node.uid, by: 'node', error: 'no login', fault: 'iscsi-refused' });
  const found = it.ask({ iscsi: LOOK });
  t.like(found, { verdict: 'failed', rule: 'iscsi-port-closed', certainty: 'certain' });
  t.regex(
    found.cause,
    /reaches the head by HTTP, and none of its connections arrives at the iSCSI port 10\.54\.0\.1:3260/,
  );
  t.regex(found.remedy ?? '', /^Open iscsi\.port \(TCP 3260\)/);
  t.is(it.ask({ iscsi: { ...LOOK, connected: 2 } }).rule, 'iscsi-refused', 'its connections arrive');
  t.is(it.ask({ iscsi: { ...LOOK, connected: 5000 } }).rule, 'iscsi-port-closed', 'that was another boot');
  t.is(it.ask({ iscsi: LOOK }, { listening: 2 }).rule, 'iscsi-refused', 'musterd has not listened for so long');
  t.is(it.ask({}).rule, 'iscsi-refused', 'nobody looked');
});

test('an initramfs that is slow to log in is no fault, and one that never does is a guess', t => {
  const it = world();
  it.reach('kernel', 'initramfs');
  it.clock.now += 50_000;
  t.is(it.ask({ iscsi: LOOK }).verdict, 'waiting');
  it.clock.now += 20_000;
  t.like(it.ask({ iscsi: LOOK }), { rule: 'iscsi-port-closed', certainty: 'guess' });
  const other = world('roram');
  other.reach('kernel', 'initramfs');
  other.clock.now += 200_000;
  t.is(other.ask({ iscsi: LOOK }).rule, 'image-not-asked-for', 'a node without a disk on the head');
});

test('another fault of the initramfs is not blamed on the port', t => {
  const it = world();
  it.reach('kernel', 'initramfs');
  it.boots.note({ stage: 'image', node: it.node.uid, by: 'node', error: 'no iscsid', fault: 'initramfs-lacks-part' });
  t.is(it.ask({ iscsi: LOOK }).rule, 'initramfs-lacks-part');
});

test('a node that is up and has lost its session is without its root', t => {
  const it = world();
  it.up();
  const lost: IscsiLook = { ...LOOK, connected: 4000, breaks: [{ ago: 90, how: 'silent' }] };
  const found = it.ask({ iscsi: lost });
  t.like(found, { verdict: 'failed', rule: 'iscsi-session-lost', certainty: 'certain' });
  t.regex(
    found.cause,
    /the session ended 90 s ago, because the node stopped answering\. It has not connected since\.$/,
  );
  t.regex(found.remedy ?? '', /no firewall blocks TCP port 3260/);
  t.regex(it.ask({ iscsi: { ...lost, connected: 3 } }).cause, /It connected again 3 s ago, and has not logged in\.$/);
});

test('a session that broke once and came back, or breaks at this moment, is no fault', t => {
  const it = world();
  it.up();
  t.is(it.ask({ iscsi: { ...LOOK, sessions: 1, breaks: [{ ago: 90, how: 'reset' }] } }).rule, 'up');
  t.is(it.ask({ iscsi: { ...LOOK, breaks: [{ ago: 20, how: 'reset' }] } }).rule, 'up');
  t.is(it.ask({ iscsi: LOOK }).rule, 'up', 'musterd was restarted, and the node comes back when it reads next');
  const ram = world('roram');
  ram.up();
  t.is(ram.ask({ iscsi: { ...LOOK, breaks: [{ ago: 90, how: 'silent' }] } }).rule, 'up');
});

test('a session that breaks time after time is named, as a guess', t => {
  const it = world();
  it.up();
  const breaks = [400, 200, 20].map(ago => ({ ago, how: 'reset' as const }));
  const found = it.ask({ iscsi: { ...LOOK, sessions: 1, breaks } });
  t.like(found, { verdict: 'failed', rule: 'iscsi-session-breaks', certainty: 'guess' });
  t.regex(found.cause, /broke 3 times in 7 min/);
  t.true(found.evidence.includes('it has a session again'));
  const old = breaks.map(({ how, ago }) => ({ how, ago: ago + 600 }));
  t.is(it.ask({ iscsi: { ...LOOK, sessions: 1, breaks: old } }).rule, 'up');
});

test('a node that is lost is lost with the end of its session as evidence', t => {
  const it = world();
  it.up();
  it.clock.now += 120_000;
  const found = it.ask({ iscsi: { ...LOOK, breaks: [{ ago: 80, how: 'silent' }] } });
  t.is(found.rule, 'heartbeat-lost');
  t.true(found.evidence.includes('its iSCSI session ended 80 s ago: the node stopped answering'));
});

test('connections that are reset while a boot stands still are named as a guess', t => {
  const it = world('roram');
  it.reach('kernel', 'initramfs');
  it.clock.now += 20_000;
  const found = it.ask({ resets: [15, 10, 5] });
  t.like(found, { verdict: 'failed', rule: 'connections-reset', certainty: 'guess' });
  t.regex(found.cause, /^3 of its connections were reset while the head sent a file/);
  t.true(found.evidence.includes('3 of its connections were reset from outside, the last one 5 s ago'));
  it.boots.note({ stage: 'image', node: it.node.uid, by: 'node', error: 'gave up', fault: 'download-stopped' });
  t.is(it.ask({ resets: [15, 10, 5] }).rule, 'connections-reset');
});

test('an image that is cut off and goes on is on its way', t => {
  const it = world('roram');
  it.reach('kernel', 'initramfs');
  it.clock.now += 20_000;
  it.boots.note({ stage: 'image', session: it.id, file: 'image', complete: false, detail: 'cut off' });
  const resets = [15, 10, 1];
  t.is(it.ask({ resets }).rule, 'connections-reset', 'a file that was cut off is not further');
  const transfer = { state: 'running', done: 1 << 20, size: 2 << 20, rate: 1e6, idle: 0 } as const;
  t.is(it.ask({ resets }, { transfer }).verdict, 'waiting');
});

test('resets before the boot came further, or next to an error that explains them, are no fault', t => {
  const it = world('roram');
  it.reach('kernel');
  it.clock.now += 20_000;
  t.is(it.ask({ resets: [90, 60, 40] }).verdict, 'waiting', 'an earlier boot of the node');
  t.is(it.ask({ resets: [10, 5] }).verdict, 'waiting', 'twice may be an accident');
  it.reach('initramfs');
  it.boots.note({ stage: 'image', node: it.node.uid, by: 'node', error: 'no space', fault: 'too-little-memory' });
  it.clock.now += 20_000;
  t.is(it.ask({ resets: [15, 10, 5] }).rule, 'too-little-memory');
  it.up();
  t.is(it.ask({ resets: [15, 10, 5] }).rule, 'up');
});
