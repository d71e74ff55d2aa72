// Who is up, and what may change that: heartbeats do, which only the running system can send. What anybody with the node's address can
// make the head see does not.
import test from 'ava';
import { tokenOf } from '../../src/boot/boot.ts';
import type { Stage } from '../../src/boot/journey.ts';
import { planBoot } from '../../src/boot/plan.ts';
import { FakeCluster, fakeBoots } from '../fakes/cluster.ts';
import { fakeNode, fakePorts } from '../fakes/plane.ts';

const PERIOD_MS = 10_000;
/** By then the head has forgotten the grant of its own start and that of the boot. */
const LONG_MS = 3_600_000;

/** A node that has been up for an hour and sent a heartbeat just now. */
async function running(trusts = false) {
  const fake = new FakeCluster();
  const { node } = fake.bootable();
  const answer = planBoot(fake.cluster, node);
  if ('refused' in answer) throw new Error(answer.refused);
  const { plan } = answer;
  const registry = fakeBoots(fake, [], trusts);
  const { boots, statuses, clock } = registry;
  const see = (...stages: Stage[]): void => {
    for (const stage of stages) boots.note({ stage, node: node.uid });
  };
  const system = fakeNode(fakePorts(fake, registry, { statusSeconds: () => PERIOD_MS / 1000 }), plan.node.ip);
  const beatOf = async (id: string) => system.beat(`token=${tokenOf(id)}\nstatus.of=${id}\n`);
  boots.grant(node.uid);
  see('offered', 'addressed', 'loader', 'ipxe');
  const { id, boot } = boots.mint(plan, 'peer');
  for (const stage of ['initramfs', 'image', 'root'] as const) boots.note({ stage, session: id });
  await beatOf(id);
  clock.now += LONG_MS;
  await beatOf(id);
  const state = () => statuses.of(node.uid).state;
  const mint = () => boots.mint(plan, 'peer');
  const beat = async () => beatOf(id);
  return { ...registry, fake, node, plan, id, boot, see, beatOf, beat, report: system.report, state, mint };
}

test('nothing that anybody can send with the address of a node that is up changes its state', async t => {
  const attacks: Record<string, (up: Awaited<ReturnType<typeof running>>) => unknown> = {
    'a loader by TFTP or HTTP': up => up.see('loader'),
    'a file that TFTP does not have': ({ boots, node }) =>
      boots.note({ stage: 'loader', node: node.uid, error: 'no such file', fault: 'loader-lacks-its-file' }),
    'DISCOVER from a forged hardware address': up => up.see('offered'),
    'a whole DHCP exchange from a forged hardware address, and the loader': ({ boots, node, see }) => {
      see('offered', 'addressed');
      boots.grant(node.uid);
      see('loader', 'ipxe');
    },
    'a request for an address of another server': ({ boots, node }) =>
      boots.note({
        stage: 'addressed',
        node: node.uid,
        error: 'another DHCP server answers',
        fault: 'other-dhcp-server',
      }),
    'a session that somebody got, and an error reported with it': async ({ mint, report }) =>
      report(mint().id, 'stage=image\nerror=made up\n'),
  };
  for (const [name, attack] of Object.entries(attacks)) {
    const up = await running();
    up.clock.now += 1000;
    await attack(up);
    t.is(up.state(), 'up', name);
    t.deepEqual(
      up.statuses.changes([up.node.uid]).map(({ state }) => state),
      ['up'],
      name,
    );
    for (let beat = 0; beat < 100; beat += 1) {
      up.clock.now += PERIOD_MS;
      t.is(up.state(), 'up', `${name}, before heartbeat ${beat}`);
      t.is(await up.beat(), 200, name);
    }
    t.is(up.statuses.of(up.node.uid).facts['of'], up.id);
    // When its heartbeats end it is down: the pretended boot is no reason to say anything else
    up.clock.now += 4 * PERIOD_MS;
    t.is(up.state(), 'down', name);
  }
});

test('a loader begins a boot of a node that is up only when its firmware got its address a moment ago', async t => {
  const { boots, node, see } = await running();
  see('loader', 'loader');
  t.is(boots.of(node.uid).length, 1);
  boots.grant(node.uid);
  see('loader');
  t.is(boots.of(node.uid).length, 2);
});

test('a node that boots again is booting when its next heartbeat is overdue, and at once when an administrator caused it', async t => {
  const { boots, node, see, state, clock } = await running();
  clock.now += 5000;
  see('offered');
  t.is(state(), 'up');
  clock.now += 10_001;
  t.is(state(), 'booting');

  const caused = await running();
  caused.boots.action(caused.node.uid, 'power cycle', 'begin');
  caused.clock.now += 5000;
  caused.see('offered');
  t.is(caused.state(), 'booting');
  t.is(boots.of(node.uid).length, 2);
});

test('a boot that comes up within a period is up by its own heartbeat', async t => {
  const { mint, boots, beatOf, statuses, node, clock, boot } = await running();
  clock.now += 3000;
  const next = mint();
  boots.note({ stage: 'root', session: next.id });
  clock.now += 3000;
  t.is(await beatOf(next.id), 200);
  t.is(statuses.currentBoot(node.uid), next.boot);
  t.like(statuses.of(node.uid), { state: 'up', facts: { of: next.id } });
  // What is left of the old one, if anything, is told so once its heartbeats have ended
  clock.now += 4 * PERIOD_MS;
  t.false(boots.beats.isAlive(boot));
});

test('steady heartbeats hide another boot; a system that was silent does not', async t => {
  const { mint, boots, beat, clock } = await running();
  const { id } = mint();
  boots.note({ stage: 'initramfs', session: id });
  for (let count = 0; count < 10; count += 1) {
    clock.now += 2 * PERIOD_MS;
    t.is(await beat(), 200);
  }
  clock.now += 3 * PERIOD_MS + 1;
  t.is(await beat(), 410);
});

test('a boot that was given up and sends a heartbeat is up', async t => {
  const fake = new FakeCluster();
  const { node } = fake.bootable();
  const answer = planBoot(fake.cluster, node);
  if ('refused' in answer) throw new Error(answer.refused);
  const { boots, statuses } = fakeBoots(fake);
  const { id, boot } = boots.mint(answer.plan, 'peer');
  boots.note({ stage: 'root', session: id });
  boots.note({ stage: 'offered', node: node.uid });
  t.is(boot.outcome, 'superseded');
  const ports = fakePorts(fake, { boots, statuses });
  t.is(await fakeNode(ports, answer.plan.node.ip).beat(`token=${tokenOf(id)}\n`), 200);
  t.deepEqual(ports.deeds, [`save ${boot.id}`]);
  t.is(statuses.of(node.uid).state, 'up');
});

test('the boot that a node runs from stays known, however many others are begun in its name', async t => {
  const { mint, boots, beat, clock, state, boot } = await running();
  for (let round = 0; round < 50; round += 1) {
    const { id } = mint();
    boots.note({ stage: 'initramfs', session: id });
    clock.now += PERIOD_MS;
    t.is(await beat(), 200);
  }
  t.is(state(), 'up');
  t.is(boots.byId(boot.id), boot);
  t.is(boots.of(boot.node).length, 10);
});

test('after a restart of the head, what is seen of an up node before its first heartbeat changes nothing, and what was seen before counts', async t => {
  const { fake, boots, node, see, clock } = await running();
  const saved = () => boots.of(node.uid).map(one => JSON.parse(JSON.stringify(one)));
  const again = fakeBoots(fake, saved());
  again.boots.note({ stage: 'offered', node: node.uid });
  t.is(again.statuses.of(node.uid).state, 'up');
  boots.action(node.uid, 'power cycle', 'begin');
  clock.now += 5000;
  see('offered', 'ipxe');
  t.is(fakeBoots(fake, saved()).statuses.of(node.uid).state, 'booting');
});
