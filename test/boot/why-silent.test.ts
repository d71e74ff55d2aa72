// A node that has fallen silent: what ARP, the routes of its network, and its kernel's last line say.
import test from 'ava';
import type { Evidence, Neighbour, RouteLook } from '../../src/boot/evidence.ts';
import type { Stage } from '../../src/boot/journey.ts';
import { planBoot } from '../../src/boot/plan.ts';
import type { WhyFacts } from '../../src/boot/why-case.ts';
import { askWhy, FakeCluster, fakeBoots } from '../fakes/cluster.ts';

const MAC = '52:54:00:54:00:01';

function world(...stages: readonly Stage[]) {
  const fake = new FakeCluster();
  const { node } = fake.bootable();
  const it = fakeBoots(fake);
  for (const stage of stages) it.boots.note({ stage, mac: node.value.mac });
  const ask = (evidence: Evidence, more: Partial<WhyFacts> = {}) =>
    askWhy(it, node, planBoot(fake.cluster, node), { evidence, ...more });
  const up = (): void => {
    const answer = planBoot(fake.cluster, node);
    if ('refused' in answer) throw new Error(answer.refused);
    const { boot } = it.boots.mint(answer.plan, 'x');
    it.boots.up(boot, {});
    it.statuses.beat(boot, {}, 10_000);
  };
  return { ...it, node, ask, up };
}

const seen = (more: Partial<Neighbour>): Evidence => ({
  neighbours: { ip: '10.54.0.100', seen: [{ mac: MAC, ago: 3, own: true, ...more }] },
});

const FAR: RouteLook = { name: 'rack2', subnet: '10.56.0.0/24', attached: false, router: '10.56.0.254' };

test('a node behind a relay agent, in a network without a router, has no way to the head', t => {
  const it = world('offered', 'addressed');
  const evidence = { network: '10.54.0.1', route: { ...FAR, router: '' } };
  it.clock.now += 10_000;
  t.is(it.ask(evidence).verdict, 'waiting');
  it.clock.now += 15_000;
  const found = it.ask(evidence);
  t.like(found, { verdict: 'failed', rule: 'no-way-to-head', certainty: 'certain' });
  t.regex(found.cause, /network rack2 \(10\.56\.0\.0\/24\) is behind a relay agent, and has no router\.$/);
  t.regex(found.remedy ?? '', /^Set `router` of the network rack2/);
  t.is(it.ask({ ...evidence, path: { answers: true } }).rule, 'loader-not-asked-for', 'it has a way: it answers');
  it.boots.note({ stage: 'loader', mac: it.node.value.mac, bytes: 1000, file: 'loader', complete: true });
  it.boots.note({ stage: 'ipxe', mac: it.node.value.mac });
  it.clock.now += 60_000;
  t.is(it.ask(evidence).rule, 'script-not-asked-for', 'its loader came by that way');
});

test('a router that does not route is a guess, and nothing of a network of the head itself', t => {
  const it = world('offered', 'addressed', 'ipxe');
  it.clock.now += 30_000;
  const found = it.ask({ network: '10.54.0.1', route: FAR });
  t.like(found, { rule: 'router-does-not-route', certainty: 'guess' });
  t.regex(found.cause, /its router 10\.56\.0\.254 does not forward to the head/);
  t.is(it.ask({ network: '10.54.0.1', route: { ...FAR, attached: true } }).rule, 'script-not-asked-for');
});

test('a node that answers ARP and asks for nothing has the right link and address', t => {
  for (const stages of [['addressed'], ['addressed', 'ipxe']] as const) {
    const it = world(...stages);
    it.clock.now += 60_000;
    t.regex(it.ask(seen({ answered: 3 })).cause, / It answered ARP 3 s ago, so its link and its address are right\.$/);
    t.notRegex(it.ask(seen({})).cause, /ARP/, 'the kernel only remembers it');
    t.notRegex(it.ask(seen({ answered: 70 })).cause, /ARP/, 'before this stage');
    t.notRegex(it.ask(seen({ answered: 3, own: false, ago: 5000 })).cause, /It answered ARP/);
  }
});

test('a system whose kernel alone answers hangs; one that answers nothing is lost', t => {
  const it = world('addressed');
  it.up();
  it.clock.now += 120_000;
  const found = it.ask(seen({ answered: 2 }), { answers: false });
  t.like(found, { verdict: 'stuck', rule: 'system-hangs', certainty: 'guess' });
  t.regex(found.cause, /Its kernel answered ARP 2 s ago, and nothing else answers/);
  t.is(it.ask(seen({ answered: 2 }), { answers: true }).rule, 'agent-stopped');
  t.is(it.ask(seen({ answered: 115 }), { answers: false }).rule, 'heartbeat-lost', 'that was before it fell silent');
  const lost = it.ask(seen({}), { answers: false });
  t.is(lost.rule, 'heartbeat-lost');
  t.regex(lost.cause, /its kernel panicked or hangs, it was switched off, or its network is gone\.$/);
  t.regex(lost.settle ?? '', /panic=0.*netconsole/);
});

test('a node that was shut down is not one that hangs, although its kernel still answers', t => {
  const it = world('addressed');
  it.up();
  const boot = it.boots.current(it.node.uid);
  if (boot) it.statuses.beat(boot, { going_down: 'off' }, 10_000);
  it.clock.now += 120_000;
  t.is(it.ask(seen({ answered: 2 }), { answers: false }).rule, 'shut-down');
});

const PANIC = { ago: 100, text: 'Kernel panic - not syncing: Fatal exception in interrupt' };

test('a panic that the kernel sent is the cause of the silence after it', t => {
  const it = world('addressed');
  it.up();
  t.is(it.ask({ panic: { ...PANIC, ago: 1 } }).rule, 'up', 'it sends heartbeats: somebody made that line up');
  it.clock.now += 120_000;
  const found = it.ask({ panic: PANIC });
  t.like(found, { verdict: 'failed', rule: 'kernel-panicked' });
  t.is(found.cause, 'Its kernel panicked 100 s ago: Kernel panic - not syncing: Fatal exception in interrupt.');
  t.is(it.ask({ panic: { ...PANIC, ago: 900 } }).rule, 'heartbeat-lost', 'it ran on after that');
});

test('a panic in a boot is the cause, with a remedy for its kind', t => {
  const it = world('addressed', 'ipxe');
  it.clock.now += 5000;
  const remedy = (because: 'no-root' | 'init-ended' | 'no-memory') => {
    const found = it.ask({ panic: { ...PANIC, ago: 2, because } });
    t.is(found.rule, 'kernel-panicked');
    return found.remedy ?? '';
  };
  t.regex(remedy('no-root'), /`muster mkramfs --update/);
  t.regex(remedy('init-ended'), /repair \/sbin\/init/);
  t.regex(remedy('no-memory'), /more memory/);
});
