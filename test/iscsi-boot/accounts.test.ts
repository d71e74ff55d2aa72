// Who of a node's boots may read its root: a running system keeps its root whatever boots are begun in the node's name, in the
// daemon and in a worker, and the next boot gets its own at once.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Boot } from '../../src/boot/boot.ts';
import type { BootPlan } from '../../src/boot/boot-plan.ts';
import { clusterDirectory } from '../../src/boot/cluster-directory.ts';
import { chapOf, iscsiNames } from '../../src/boot/iscsi-access.ts';
import { planBoot } from '../../src/boot/plan.ts';
import { IscsiWorkers } from '../../src/iscsi/workers.ts';
import { BootDisks } from '../../src/iscsi-boot/disks.ts';
import { bootTargets } from '../../src/iscsi-boot/targets.ts';
import type { Entry } from '../../src/model/cluster.ts';
import { FakeCluster, fakeBoots } from '../fakes/cluster.ts';
import { Initiator, read10 } from '../iscsi/support/initiator.ts';
import { pattern } from '../iscsi/support/served.ts';

const KEY = randomBytes(32);
const NAMES = iscsiNames('iqn.2026-01.lab.test');
const ADDRESS = '127.0.0.1';
const HOUR_MS = 3_600_000;

function iscsiNode() {
  const fake = new FakeCluster();
  const { node } = fake.bootable();
  fake.change(node, { ip: ADDRESS });
  const group = fake.cluster.byName('attrib', 'DefaultAttribs') as Entry<'attrib'>;
  fake.change(group, { attributes: { _boot_config: 'DefaultBoot', _boot_style: 'iscsi' } });
  const answer = planBoot(fake.cluster, fake.cluster.get('node', node.uid) ?? node);
  if ('refused' in answer || !answer.plan.image) throw new Error('no image');
  const { plan } = answer;
  const image = answer.plan.image;
  const registry = fakeBoots(fake, [], true);
  const { boots, statuses } = registry;
  /** A boot of the image with this blob, as far as its initramfs. */
  const begin = (blob: string): Boot => {
    const { id, boot } = boots.mint({ ...plan, image: { ...image, blob } } as BootPlan, ADDRESS);
    boots.note({ stage: 'initramfs', session: id });
    return boot;
  };
  const beat = (boot: Boot): void => {
    boots.up(boot, {});
    statuses.beat(boot, {}, 10_000);
  };
  const readers = (): string[] => {
    const found = boots.rootReaders(node.uid);
    return 'readers' in found ? found.readers.map(({ boot }) => boot.id) : [found.refused];
  };
  return { ...registry, fake, node, plan, begin, beat, readers, target: NAMES.target(image.uid) };
}

test('a boot reads its root as long as its heartbeats come, whatever boots begin meanwhile, and no longer', t => {
  const { begin, beat, readers, clock, boots } = iscsiNode();
  const running = begin('a');
  beat(running);
  clock.now += HOUR_MS;
  beat(running);
  const next = begin('b');
  for (let count = 0; count < 20; count += 1) {
    clock.now += 10_000;
    beat(running);
    t.deepEqual(readers(), [next.id, running.id]);
    t.deepEqual(
      [...boots.usedBlobs()].filter(({ by }) => by.endsWith('runs from it')).map(({ sha256 }) => sha256),
      ['a', 'b'],
    );
  }
  clock.now += 30_001;
  t.deepEqual(readers(), [next.id]);
});

test('a disk without heartbeats, which iPXE boots from, is read as long as its session is open, and some minutes more', t => {
  const { begin, readers, clock, boots } = iscsiNode();
  const running = begin('a');
  boots.handOver(running);
  clock.now += HOUR_MS;
  t.deepEqual(readers(), [running.id]);
  boots.disks.opened(running, '127.0.0.1:5000');
  const next = begin('b');
  clock.now += HOUR_MS;
  t.deepEqual(readers(), [next.id, running.id]);
  boots.disks.closed(running, '127.0.0.1:6000');
  clock.now += HOUR_MS;
  t.deepEqual(readers(), [next.id, running.id], 'another connection ended, which never logged in');
  boots.disks.closed(running, '127.0.0.1:5000');
  clock.now += 9 * 60_000;
  t.deepEqual(readers(), [next.id, running.id], 'it may connect again');
  clock.now += 2 * 60_000;
  t.deepEqual(readers(), [next.id]);
});

test('a boot that never came up ends as a reader, and another one is no reason to keep it', t => {
  const { begin, readers, clock } = iscsiNode();
  const first = begin('a');
  const second = begin('b');
  t.deepEqual(readers(), [second.id]);
  clock.now += 5 * HOUR_MS;
  t.regex(readers().join(), new RegExp(`its boot ${second.id} is too old`));
  t.not(first.id, second.id);
});

const firstBytes = async (initiator: Initiator): Promise<Buffer> =>
  (await initiator.command(read10(0, 8), { read: 4096 })).data;

async function served(t: ExecutionContext, workers: number) {
  const world = iscsiNode();
  const { boots, fake } = world;
  const folder = await mkdtemp(join(tmpdir(), 'muster-accounts-'));
  const contents = { a: pattern(1 << 20), b: pattern(1 << 20).reverse() };
  for (const [name, bytes] of Object.entries(contents)) await writeFile(join(folder, name), bytes);
  const disks = new BootDisks(folder, blob => join(folder, blob));
  const directory = clusterDirectory(fake.cluster);
  const target = new IscsiWorkers({
    workers,
    route: workers === 0 ? () => 'here' : () => 0,
    note: () => {},
    directory: bootTargets({
      names: NAMES,
      nodeByIp: ip => directory.nodeByIp(ip),
      readers: node => boots.rootReaders(node),
      chap: boot => chapOf(KEY, boot),
      disk: async (boot, plan, blob) => disks.open(boot, plan, blob),
      refused: () => {},
    }),
  });
  const port = await target.listen(0, ADDRESS);
  t.teardown(async () => {
    await target.close();
    await disks.close();
    await rm(folder, { recursive: true });
  });
  /** A login as a boot's system does it; all of a node use one name and one ISID. */
  const login = async (boot: Boot, secret = chapOf(KEY, boot).secret): Promise<Initiator | number> => {
    const initiator = await Initiator.connect(port);
    t.teardown(() => initiator.close());
    const account = { user: chapOf(KEY, boot).user, secret };
    const initiatorName = NAMES.initiator(boot.node);
    const status = await initiator.login({ target: world.target, initiator: initiatorName, isid: 1, ...account });
    return status === 0 ? initiator.ready() : status;
  };
  /** The first bytes of the disk that a boot gets, or the status of its refusal. */
  const read = async (boot: Boot, secret?: string): Promise<Buffer | number> => {
    const initiator = await login(boot, secret);
    return typeof initiator === 'number' ? initiator : firstBytes(initiator);
  };
  return { ...world, contents, read, login };
}

for (const workers of [0, 1])
  test(`the running system and the next boot log in, each to its own image, and nobody else; workers: ${workers}`, async t => {
    const { begin, beat, read, clock, contents } = await served(t, workers);
    const running = begin('a');
    beat(running);
    const next = begin('b');
    for (let round = 0; round < 2; round += 1) {
      t.deepEqual(await read(running), contents.a.subarray(0, 4096));
      t.deepEqual(await read(next), contents.b.subarray(0, 4096));
    }
    t.is(await read(running, chapOf(KEY, next).secret), 0x0201, 'a name with the secret of another account');
    t.is(await read(next, 'guessed'), 0x0201);
    clock.now += 30_001;
    t.is(await read(running), 0x0201, 'its heartbeats have ended');
    t.deepEqual(await read(next), contents.b.subarray(0, 4096));
  });

test('another boot of the node ends no session of the running system, and takes none of its places', async t => {
  const { begin, beat, login, contents } = await served(t, 0);
  const running = begin('a');
  beat(running);
  const session = await login(running);
  if (typeof session === 'number') return t.fail(String(session));
  const next = begin('b');
  for (let count = 0; count < 20; count += 1) {
    const other = await login(next);
    t.false(typeof other === 'number');
    t.deepEqual(await firstBytes(session), contents.a.subarray(0, 4096));
  }
  t.false(typeof (await login(running)) === 'number');
});
