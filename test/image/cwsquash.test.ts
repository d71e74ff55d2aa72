import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { findRoot, planImageUpload, ROOT_OFFSET, SECTOR, wrapping } from '../../src/image/cwsquash.ts';
import { packImage } from '../../src/image/pack.ts';
import { run, runOk } from '../../src/process/run.ts';
import { findProgram, requireAll } from '../support/require.ts';

/** Something with a squashfs superblock that says it has `used` bytes. */
function squashfs(length: number, used = length): Buffer {
  const bytes = Buffer.alloc(length);
  bytes.write('hsqs', 0, 'latin1');
  bytes.writeUInt16LE(4, 28);
  bytes.writeBigUInt64LE(BigInt(used), 40);
  return bytes;
}

function refusal(answer: object): string {
  return 'refused' in answer ? String(answer.refused) : '';
}

test('a squashfs of any length, wrapped, is found again where it lies', t => {
  fc.assert(
    fc.property(fc.integer({ min: 96, max: 300_000 }), length => {
      const root = squashfs(length);
      const plan = planImageUpload(root.subarray(0, ROOT_OFFSET), length);
      if ('refused' in plan) throw new Error(plan.refused);
      const whole = Buffer.concat([plan.prefix, root, plan.suffix]);
      t.is(whole.length % SECTOR, 0);
      const found = findRoot(whole, whole.length);
      if ('refused' in found) throw new Error(found.refused);
      t.is(found.offset, plan.root.offset);
      t.true(found.size >= length && found.size < length + SECTOR);
      t.true(whole.subarray(found.offset, found.offset + length).equals(root));
      // A cwsquash that is uploaded stays as it is.
      const again = planImageUpload(whole.subarray(0, ROOT_OFFSET), whole.length);
      t.deepEqual(again, { prefix: Buffer.alloc(0), suffix: Buffer.alloc(0), root: found });
    }),
    { numRuns: 60 },
  );
});

test('a file cut anywhere is refused, bare or wrapped', t => {
  const root = squashfs(20_000);
  const { prefix, suffix } = wrapping(root.length);
  const whole = Buffer.concat([prefix, root, suffix]);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: whole.length - 1 }), length => {
      const cut = whole.subarray(0, length);
      t.not(refusal(planImageUpload(cut.subarray(0, ROOT_OFFSET), length)), '');
    }),
  );
  t.regex(refusal(planImageUpload(squashfs(10_000, 20_000), 10_000)), /cut short: it needs 20000 bytes and has 10000/);
});

test('bytes of any kind are an answer, never an exception', t => {
  const { prefix, suffix } = wrapping(8192);
  const whole = Buffer.concat([prefix, squashfs(8192), suffix]);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(1100), fc.nat(255)), { maxLength: 20 }),
      fc.nat(2 ** 40),
      (changes, length) => {
        const bytes = Buffer.from(whole);
        for (const [at, value] of changes) bytes[at] = value;
        const answer = planImageUpload(bytes.subarray(0, ROOT_OFFSET), length);
        t.true('refused' in answer || answer.root.offset + answer.root.size <= Math.max(length, whole.length));
      },
    ),
  );
  t.true('refused' in planImageUpload(randomBytes(4096), 4096));
  t.true('refused' in planImageUpload(Buffer.alloc(0), 0));
});

test.serial('sfdisk and sgdisk find one good partition, and the kernel mounts it', async t => {
  if (!requireAll(t, { root: true, programs: ['mksquashfs', 'sfdisk', 'sgdisk', 'mount', 'unshare'] })) return;
  const folder = await mkdtemp(join(tmpdir(), 'muster-test-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const tree = join(folder, 'tree');
  for (const name of ['etc', 'proc', 'tmp', 'mnt']) await mkdir(join(tree, name), { recursive: true });
  await writeFile(join(tree, 'etc', 'mark'), 'packed\n');
  await writeFile(join(tree, 'etc', 'noise'), randomBytes(300_001));
  await writeFile(join(tree, 'tmp', 'junk'), 'not packed');
  const file = join(folder, 'image');
  const progress: number[] = [];
  const root = await packImage({ root: tree, file, onProgress: (done, total) => progress.push(done / total) });
  t.is(progress.at(-1), 1);
  t.true(progress.every((value, i) => value >= (progress[i - 1] ?? 0)));

  const sfdisk = await runOk(findProgram('sfdisk') ?? '', ['--json', file]);
  const { partitiontable } = JSON.parse(sfdisk) as {
    partitiontable: { label: string; partitions: { start: number }[] };
  };
  t.is(partitiontable.label, 'gpt');
  t.deepEqual(
    partitiontable.partitions.map(partition => partition.start),
    [ROOT_OFFSET / SECTOR],
  );
  t.regex(await runOk(findProgram('sgdisk') ?? '', ['--verify', file]), /No problems found/);
  // A mount namespace of its own: the mount goes with it.
  const script = 'mount -o loop,ro,offset="$2" "$1" /mnt && cat /mnt/etc/mark && ls -A /mnt/tmp';
  const seen = await run('unshare', ['--mount', 'sh', '-c', script, 'sh', file, String(root.offset)]);
  t.deepEqual({ status: seen.status, stdout: seen.stdout }, { status: 0, stdout: 'packed\n' });

  const again = join(folder, 'again');
  await packImage({ root: tree, file: again });
  t.true((await readFile(again)).equals(await readFile(file)), 'the same tree gives the same file');
});
