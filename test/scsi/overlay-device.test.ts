// Overlays against a plain copy of the disk: whatever is written, in memory and in a file, also after the file was opened again.
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { NoSpaceError } from '../../src/scsi/block-device.ts';
import { openFileDevice } from '../../src/scsi/file-device.ts';
import { openFileStore } from '../../src/scsi/file-store.ts';
import { memoryStore } from '../../src/scsi/memory-store.ts';
import { OverlayDevice, type OverlayStore } from '../../src/scsi/overlay-device.ts';
import { memoryDevice } from './support/memory-device.ts';

const BLOCKS = 67; // not a multiple of a granule's eight blocks
const SIZE = BLOCKS * 512;
const base = () =>
  memoryDevice(Buffer.from(Array.from({ length: SIZE }, (_, index) => (index * 31) & 255)), { readOnly: true });

async function folder(t: ExecutionContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'muster-overlay-'));
  t.teardown(() => rm(path, { recursive: true }));
  return path;
}

/** Random writes, each compared with a plain buffer. */
async function behavesAsDisk(open: (run: number) => Promise<OverlayStore>): Promise<void> {
  const writes = fc.array(fc.tuple(fc.integer({ min: 0, max: BLOCKS - 1 }), fc.integer({ min: 1, max: 20 })), {
    maxLength: 12,
  });
  let run = 0;
  await fc.assert(
    fc.asyncProperty(writes, async list => {
      run += 1;
      const disk = new OverlayDevice(base(), await open(run));
      const plain = Buffer.from(base().bytes);
      const pending = list.map(([block, count], index) => {
        const bytes = Buffer.alloc(Math.min(count, BLOCKS - block) * 512, index + 1);
        bytes.copy(plain, block * 512);
        return disk.write(bytes, block * 512);
      });
      await Promise.all(pending);
      const found = Buffer.alloc(SIZE);
      if (!disk.ready(0, SIZE)) await disk.load(0, SIZE);
      disk.read(found, 0, SIZE, 0);
      await disk.close();
      return found.equals(plain);
    }),
    { numRuns: 60, seed: 7 },
  );
}

test('in memory', async t => {
  await behavesAsDisk(async () => memoryStore(1 << 20));
  t.pass();
});

test('in a file', async t => {
  const path = await folder(t);
  await behavesAsDisk(run => openFileStore(join(path, `overlay-${run}`), { size: SIZE, id: 'base' }));
  t.pass();
});

test('a file keeps what was acknowledged, though it was never closed', async t => {
  const path = join(await folder(t), 'overlay');
  const before = new OverlayDevice(base(), await openFileStore(path, { size: SIZE, id: 'base' }));
  await before.write(Buffer.alloc(512, 9), 5 * 512);
  const after = new OverlayDevice(base(), await openFileStore(path, { size: SIZE, id: 'base' }));
  const found = Buffer.alloc(1024);
  t.false(after.ready(5 * 512, 512), 'what lies in the file is not believed to be in memory');
  await after.load(5 * 512, 1024);
  after.read(found, 0, 1024, 5 * 512);
  t.true(found.equals(Buffer.concat([Buffer.alloc(512, 9), base().bytes.subarray(6 * 512, 7 * 512)])));
  t.is((await stat(path)).mode & 0o777, 0o600);
  await before.close();
  await after.close();
});

test('a file over another disk is refused, and one that is no overlay', async t => {
  const path = await folder(t);
  await (await openFileStore(join(path, 'overlay'), { size: SIZE, id: 'one' })).close();
  await t.throwsAsync(openFileStore(join(path, 'overlay'), { size: SIZE, id: 'other' }), {
    message: /over 'one', not over 'other'/,
  });
  await writeFile(join(path, 'text'), Buffer.alloc(8192, 'x'));
  await t.throwsAsync(openFileStore(join(path, 'text'), { size: SIZE, id: 'one' }), { message: /no overlay/ });
});

test('memory has a bound; what was written before stays', async t => {
  const disk = new OverlayDevice(base(), memoryStore(8192));
  await disk.write(Buffer.alloc(8192, 1), 0);
  await t.throwsAsync(disk.write(Buffer.alloc(512, 2), 8192), { instanceOf: NoSpaceError });
  await disk.write(Buffer.alloc(512, 3), 0);
  const found = Buffer.alloc(1024);
  disk.read(found, 0, 1024, 0);
  t.deepEqual([found[0], found[1023]], [3, 1]);
});

test('a read-only file: padded to whole blocks, cold first, and still there when its name is gone', async t => {
  const path = join(await folder(t), 'image');
  await writeFile(path, Buffer.alloc(1000, 5));
  const disk = await openFileDevice(path);
  await rm(path);
  t.is(disk.size, 1024);
  t.false(disk.ready(0, 1024));
  await disk.load(0, 1024);
  t.true(disk.ready(0, 1024));
  const found = Buffer.alloc(1024, 1);
  disk.read(found, 0, 1024, 0);
  t.deepEqual([found[999], found[1000]], [5, 0]);
  await t.throwsAsync(disk.write(found, 0), { message: /read-only/ });
  await disk.close();
});

test('a slow read makes everything cold again', async t => {
  const path = join(await folder(t), 'image');
  await writeFile(path, Buffer.alloc(4096, 5));
  let time = 0;
  let step = 0;
  const disk = await openFileDevice(path, () => {
    time += step;
    return time;
  });
  await disk.load(0, 4096);
  disk.read(Buffer.alloc(512), 0, 512, 0);
  t.true(disk.ready(0, 512));
  step = 100;
  disk.read(Buffer.alloc(512), 0, 512, 0);
  t.false(disk.ready(0, 512));
  await disk.close();
});

test('an empty file is no disk', async t => {
  const path = join(await folder(t), 'image');
  await writeFile(path, '');
  await t.throwsAsync(openFileDevice(path), { message: /is empty/ });
});

test('a file that shrinks fails the read and nothing else', async t => {
  const path = join(await folder(t), 'image');
  await writeFile(path, Buffer.alloc(4096));
  const disk = await openFileDevice(path);
  await writeFile(path, Buffer.alloc(512));
  t.throws(() => disk.read(Buffer.alloc(512), 0, 512, 2048), { message: /has shrunk/ });
  await disk.close();
});
