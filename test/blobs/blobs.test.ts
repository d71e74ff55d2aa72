import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Blobs } from '../../src/blobs/blobs.ts';
import { collectGarbage } from '../../src/blobs/garbage.ts';
import type { BootPlan } from '../../src/boot/boot-plan.ts';
import { planBoot } from '../../src/boot/plan.ts';
import { digestFile } from '../../src/durable/digest.ts';
import { asDiskFull } from '../../src/durable/replace.ts';
import { MusterError } from '../../src/errors.ts';
import type { Entry } from '../../src/model/cluster.ts';
import { FakeCluster, fakeBoots } from '../fakes/cluster.ts';
import { temporaryFolder } from '../store/folder.ts';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

function storage(t: ExecutionContext) {
  const folder = temporaryFolder(t);
  const clock = { wall: 0, steady: 0 };
  const blobs = new Blobs(folder, { wall: () => Date.now() + clock.wall, steady: () => clock.steady });
  const add = async (bytes: Buffer): Promise<string> => {
    const file = join(folder, randomBytes(8).toString('hex'));
    writeFileSync(file, bytes);
    await blobs.adopt(file, sha256(bytes));
    return sha256(bytes);
  };
  return { folder, blobs, add, clock };
}

/** Longer than the protection of fresh blobs lasts, in milliseconds. */
const LATER = 3_600_000;

test('a finished file becomes a blob by moving, under its digest', async t => {
  const { folder, blobs, add } = storage(t);
  const bytes = Buffer.from('a kernel');
  const digest = await add(bytes);
  t.true(await blobs.has(digest));
  t.deepEqual(readFileSync(blobs.path(digest)), bytes);
  t.like((await blobs.list())[0], { sha256: digest, size: bytes.length });
  t.is(statSync(join(folder, 'blobs')).mode & 0o777, 0o700);
  await t.notThrowsAsync(add(bytes), 'the same content again');
  t.is((await blobs.list()).length, 1);
});

test('no path is made of anything but a digest', t => {
  const { blobs } = storage(t);
  for (const text of ['../../etc/passwd', '', 'A'.repeat(64), `${'a'.repeat(63)}/`])
    t.throws(() => blobs.path(text), { instanceOf: MusterError }, text);
});

test('foreign files in the folder are neither listed nor touched', async t => {
  const { folder, blobs, add } = storage(t);
  await add(Buffer.from('x'));
  mkdirSync(join(folder, 'blobs/lost+found'));
  writeFileSync(join(folder, 'blobs/README'), 'x');
  mkdirSync(join(folder, 'blobs/ab'), { recursive: true });
  writeFileSync(join(folder, 'blobs/ab/note'), 'x');
  t.is((await blobs.list()).length, 1);
});

test('digests of a file and of a range in it, in one pass, at any border', async t => {
  const file = join(temporaryFolder(t), 'file');
  const bytes = randomBytes((2 << 20) + 12_345);
  writeFileSync(file, bytes);
  for (const [offset, size] of [
    [0, 10],
    [1 << 20, 1 << 20],
    [(1 << 20) - 5, 11],
    [5, bytes.length - 5],
  ] as const) {
    const found = await digestFile(file, { range: { offset, size } });
    t.deepEqual(found, {
      size: bytes.length,
      whole: sha256(bytes),
      range: sha256(bytes.subarray(offset, offset + size)),
    });
  }
});

test('a full disk has its own error, other errors stay as they are', t => {
  const full = asDiskFull(Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' }), 'The upload');
  t.true(full instanceof MusterError && full.code === 'disk-full');
  t.is((full as Error).message, "The upload: the head's disk is full; nothing was stored. Free some room and repeat.");
  const other = new Error('EIO');
  t.is(asDiskFull(other, 'x'), other);
});

test('a held blob stays until the last command lets go', async t => {
  const { blobs, add } = storage(t);
  const digest = await add(Buffer.from('held'));
  const [one, two] = [blobs.hold(digest), blobs.hold(digest)];
  one();
  t.false(await blobs.removeUnless(digest, () => false));
  two();
  t.false(await blobs.removeUnless(digest, () => true));
  t.true(await blobs.removeUnless(digest, () => false));
  t.false(await blobs.has(digest));
});

test('a blob that comes again while it goes is there in the end', async t => {
  const { blobs, add } = storage(t);
  const bytes = Buffer.from('comes and goes');
  for (let round = 0; round < 50; round += 1) {
    const digest = await add(bytes);
    const going = blobs.removeUnless(digest, () => false);
    const release = blobs.hold(digest);
    await Promise.all([going, add(bytes)]);
    t.true(await blobs.has(digest));
    release();
  }
});

/** A bootable cluster whose three files are really stored. */
async function world(t: ExecutionContext) {
  const { blobs, add, clock } = storage(t);
  const fake = new FakeCluster();
  const { node, config, image } = fake.bootable();
  const [kernel, initramfs, content] = [
    await add(Buffer.from('k')),
    await add(Buffer.from('i')),
    await add(Buffer.from('c')),
  ];
  const stored = (digest: string) => ({ sha256: digest, size: 1, mtime: 0 });
  fake.change(config, { kernel: stored(kernel), initramfs: stored(initramfs) });
  const now = fake.cluster.get('image', image.uid) as Entry<'image'>;
  if (now.value.content) fake.change(image, { content: { ...now.value.content, sha256: content } });
  const boots = fakeBoots(fake);
  const collect = async (dryRun = false, after = LATER) => {
    clock.steady += after;
    return collectGarbage(blobs, fake.cluster, boots.boots, { dryRun });
  };
  return { clock, blobs, add, fake, node, config, image, kernel, initramfs, content, boots, collect };
}

test('what objects refer to is kept and says by what; the rest goes, and with a dry run stays', async t => {
  const { blobs, add, collect, kernel } = await world(t);
  const old = await add(Buffer.from('old'));
  const dry = await collect(true);
  t.deepEqual(dry.removed, [{ sha256: old, size: 3, keptBy: [] }]);
  t.true(await blobs.has(old));
  const done = await collect();
  t.deepEqual(done.removed, dry.removed);
  t.false(await blobs.has(old));
  t.deepEqual(done.kept.find(blob => blob.sha256 === kernel)?.keptBy, ['boot config DefaultBoot']);
  t.is(done.kept.length, 3);
  t.deepEqual(done.missing, []);
});

test('a fresh blob and one of a command under way are kept, and say why', async t => {
  const { blobs, add, collect } = await world(t);
  const fresh = await add(Buffer.from('fresh'));
  const keptBy = async (after?: number) =>
    (await collect(true, after)).kept.find(blob => blob.sha256 === fresh)?.keptBy;
  t.deepEqual(await keptBy(1000), ['it came a few minutes ago']);
  const release = blobs.hold(fresh);
  t.deepEqual(await keptBy(), ['a running command']);
  release();
  t.is(await keptBy(), undefined);
});

test('the wall clock decides nothing: a fresh blob stays when it jumps, and an old one goes', async t => {
  const { blobs, add, collect, clock } = await world(t);
  const digest = await add(Buffer.from('fresh'));
  const isKept = async (after: number): Promise<boolean> => {
    const { removed } = await collect(true, after);
    return !removed.some(({ sha256: one }) => one === digest);
  };
  for (const jump of [10 * LATER, -10 * LATER]) {
    clock.wall = jump;
    t.true(await isKept(1000), `${jump}`);
  }
  t.false(await isKept(LATER), 'though its time lies in the future');
  t.true(await blobs.has(digest));
});

test('what an earlier musterd stored is young for a while, and never longer', async t => {
  const { folder, add } = storage(t);
  const digest = await add(Buffer.from('before'));
  const ageAfter = async (wall: number, steady: number): Promise<number> => {
    let now = 0;
    const blobs = new Blobs(folder, { wall: () => Date.now() + wall, steady: () => now });
    now = steady;
    return (await blobs.list()).find(one => one.sha256 === digest)?.age ?? Number.NaN;
  };
  t.true((await ageAfter(0, 0)) < 60_000);
  t.true((await ageAfter(LATER, 0)) >= LATER);
  t.is(await ageAfter(-LATER, 1000), 1000);
  t.true((await ageAfter(-LATER, 2 * LATER)) >= LATER);
});

test('files missing in storage are named with their users', async t => {
  const { blobs, collect, initramfs } = await world(t);
  await blobs.removeUnless(initramfs, () => false);
  t.deepEqual((await collect()).missing, [{ sha256: initramfs, size: 0, keptBy: ['boot config DefaultBoot'] }]);
});

test('a file that is shorter than its object says is reported with both sizes', async t => {
  const { blobs, fake, config, kernel, collect } = await world(t);
  const { size } = await stat(blobs.path(kernel));
  const now = fake.cluster.get('boot', config.uid)?.value.kernel;
  if (now) fake.change(config, { kernel: { ...now, size } });
  const short = async () => (await collect()).short.filter(blob => blob.sha256 === kernel);
  t.deepEqual(await short(), []);
  await truncate(blobs.path(kernel), 0);
  t.deepEqual(await short(), [{ sha256: kernel, size: 0, wanted: size, keptBy: ['boot config DefaultBoot'] }]);
});

test('a replaced image stays as long as a boot under way has it in its plan', async t => {
  const { blobs, add, fake, node, image, content, boots, collect } = await world(t);
  const answer = planBoot(fake.cluster, fake.cluster.get('node', node.uid) as Entry<'node'>);
  const { boot } = boots.boots.mint((answer as { plan: BootPlan }).plan, '10.54.0.100');
  const replacement = await add(Buffer.from('new image'));
  const old = fake.cluster.get('image', image.uid)?.value.content;
  if (old) fake.change(image, { content: { ...old, sha256: replacement } });
  const during = await collect();
  t.deepEqual(during.kept.find(blob => blob.sha256 === content)?.keptBy, [`boot ${boot.id} of n0`]);
  t.true(await blobs.has(content));
  boots.boots.up(boot, {});
  t.deepEqual(
    (await collect()).removed.map(blob => blob.sha256),
    [content],
  );
  t.true(await blobs.has(replacement));
});

test('a boot that never came up keeps nothing when its session has died; a system on iSCSI keeps its root while it is up', async t => {
  const { fake, node, boots } = await world(t);
  const answer = planBoot(fake.cluster, fake.cluster.get('node', node.uid) as Entry<'node'>);
  const { plan } = answer as { plan: BootPlan };
  boots.boots.mint(plan, '10.54.0.100');
  t.is([...boots.boots.usedBlobs()].length, 3);
  boots.clock.now += 5 * 3_600_000;
  t.deepEqual([...boots.boots.usedBlobs()], []);
  const { boot } = boots.boots.mint({ ...plan, style: 'iscsi' }, '10.54.0.100');
  boots.boots.up(boot, {});
  boots.clock.now += 1000 * 3_600_000;
  t.deepEqual(
    [...boots.boots.usedBlobs()].map(used => used.sha256),
    [plan.image?.blob],
  );
});

test('a file of any age is a blob from when it came', async t => {
  const { folder, blobs, add } = storage(t);
  const file = join(folder, 'old');
  writeFileSync(file, 'old');
  utimesSync(file, 0, 0);
  await blobs.adopt(file, sha256(Buffer.from('old')));
  t.is((await blobs.list())[0]?.age, 0);
  t.false(existsSync(file));
  await add(Buffer.from('x'));
});
