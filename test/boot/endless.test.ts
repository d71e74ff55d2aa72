// Boots without end: whatever is seen of nodes, and whatever they say, memory stays bounded.
import test from 'ava';
import type { Boot } from '../../src/boot/boot.ts';
import { STAGES, type Stage } from '../../src/boot/journey.ts';
import { planBoot } from '../../src/boot/plan.ts';
import { timelineOf } from '../../src/boot/timeline.ts';
import { LogLimiter } from '../../src/log.ts';
import { FakeCluster, fakeBoots } from '../fakes/cluster.ts';
import { retained } from '../support/retained.ts';
import { randomOf } from '../tftp/simulation.ts';

const MINUTE_MS = 60_000;
/** Of one boot with the longest words in every event, message and action, as it is stored. */
const BOOT_BYTES = 2_000_000;
const LONG = 'x'.repeat(100_000);

function world() {
  const fake = new FakeCluster();
  const { node } = fake.bootable();
  const answer = planBoot(fake.cluster, node);
  if ('refused' in answer) throw new Error(answer.refused);
  return { fake, node, plan: answer.plan, ...fakeBoots(fake) };
}

const sizeOf = (boots: readonly Boot[]): number => JSON.stringify(boots).length;

test('a node that boots, reports and begins again without end has ten boots of a bounded size', t => {
  const { boots, statuses, node, plan, clock, changed, watched } = world();
  const random = randomOf(3);
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)] as Item;
  const doings: (() => void)[] = [
    () => boots.note({ stage: pick(STAGES), node: node.uid }),
    () => boots.note({ stage: pick(['offered', 'loader', 'ipxe'] as Stage[]), node: node.uid, detail: LONG }),
    () => boots.note({ stage: 'loader', node: node.uid, error: LONG, fault: 'cut-off' }),
    () => boots.mint(plan, 'peer'),
    () => boots.grant(node.uid),
    () => boots.action(node.uid, 'power cycle', pick(['begin', 'result', 'error'])),
    () => boots.message(node.uid, { severity: 5, text: 'x'.repeat(400) }),
    () => {
      const boot = boots.current(node.uid);
      if (boot) boots.up(boot, { facts: 'x'.repeat(1000) });
      if (boot) statuses.beat(boot, {}, 10_000);
    },
    () => {
      clock.now += random() * 20 * MINUTE_MS;
    },
  ];
  for (let round = 0; round < 50_000; round += 1) {
    pick(doings)();
    if (round % 1000 > 0) continue;
    t.true(boots.of(node.uid).length <= 10);
    t.true(sizeOf(boots.of(node.uid)) < 10 * BOOT_BYTES);
    t.true([...boots.usedBlobs()].length <= 40, 'sessions that ended keep no blob');
    t.notThrows(() => boots.of(node.uid).map(timelineOf));
    t.truthy(statuses.of(node.uid).state);
    changed.length = 0;
    watched.length = 0;
  }
});

test('one boot with events, messages and actions without end', t => {
  const { boots, plan, node } = world();
  const { id, boot } = boots.mint(plan, 'peer');
  for (let round = 0; round < 5000; round += 1) {
    boots.note({ stage: 'image', session: id, detail: LONG, error: LONG, fault: 'cut-off', peer: '10.54.0.100:1' });
    boots.message(node.uid, { severity: 5, text: 'x'.repeat(400) });
    boots.action(node.uid, 'power on', 'begin');
  }
  t.deepEqual([boot.events.length, boot.messages?.length, boot.actions?.length], [300, 100, 50]);
  t.true(sizeOf([boot]) < BOOT_BYTES);
});

test('nodes that come and go without end leave nothing behind', async t => {
  const { boots, statuses, plan, changed, watched, dropped } = world();
  const left = await retained(() => {
    for (let index = 0; index < 3000; index += 1) {
      const uid = index.toString(16).padStart(32, '1');
      const { boot } = boots.mint({ ...plan, node: { ...plan.node, uid } }, 'peer');
      boots.grant(uid);
      boots.action(uid, 'power on', 'begin');
      boots.message(uid, { severity: 3, text: 'a word' });
      boots.disks.opened(boot, `peer ${index}`);
      boots.up(boot, { cpus: '2' });
      statuses.beat(boot, { load: '1' }, 10_000);
      statuses.off(uid);
      statuses.changes([uid]);
      boots.forget(uid);
      statuses.forget(uid);
    }
    for (const list of [changed, watched, dropped]) list.length = 0;
  });
  // A node takes kilobytes: of three thousand, none is left
  t.true(left < 1_000_000, `${left} bytes`);
});

test('lines of the log have any number of keys, and few are remembered', async t => {
  const limiter = new LogLimiter();
  let key = 0;
  const left = await retained(() => {
    for (let round = 0; round < 200_000; round += 1) limiter.allow(`key ${key++}`);
  });
  t.true(left < 2_000_000, `${left} bytes`);
});
