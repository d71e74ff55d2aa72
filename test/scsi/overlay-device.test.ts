// Overlays against a plain copy of the disk: whatever is written, in memory and in a file, also after the file was opened again.
import { constants } from 'node:fs';
import { type FileHandle, mkdtemp, open, rm, stat, truncate, writeFile } from 'node:fs/promises';
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
  await t.notThrowsAsync(behavesAsDisk(async () => memoryStore(1 << 20)));
});

test('in a file', async t => {
  const path = await folder(t);
  await t.notThrowsAsync(behavesAsDisk(run => openFileStore(join(path, `overlay-${run}`), { size: SIZE, id: 'base' })));
});

test('a file keeps what was acknowledged, although it was never closed', async t => {
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

/** A file whose writes fail while `fails` says so of the position. As on a full disk, a part of the bytes may still have been written. */
function failing(fails: (position: number) => boolean): (path: string) => Promise<FileHandle> {
  return async path => {
    const handle = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
    const write = async (buffer: Buffer, from: number, length: number, position: number) => {
      if (!fails(position)) return handle.write(buffer, from, length, position);
      await handle.write(buffer, from, Math.floor(length / 2), position);
      throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
    };
    return new Proxy(handle, {
      get(target, name) {
        if (name === 'write') return write;
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  };
}

test('a write that failed at the bitmap leaves nothing half done: the next write of the same blocks is kept', async t => {
  const path = join(await folder(t), 'overlay');
  let full = true;
  const isBitmap = (position: number) => position >= 4096 && position < 8192;
  const before = new OverlayDevice(
    base(),
    await openFileStore(
      path,
      { size: SIZE, id: 'base' },
      failing(position => full && isBitmap(position)),
    ),
  );
  await t.throwsAsync(before.write(Buffer.alloc(4096, 9), 0), { instanceOf: NoSpaceError });
  full = false;
  await before.write(Buffer.alloc(4096, 9), 0);
  await before.flush();
  await before.close();
  const after = await openFileStore(path, { size: SIZE, id: 'base' });
  t.true(after.has(0));
  await after.close();
});

test('whatever fails: after a restart every block has the data of its last acknowledged write', async t => {
  const path = await folder(t);
  const writes = fc.array(
    fc.tuple(fc.integer({ min: 0, max: BLOCKS - 1 }), fc.integer({ min: 1, max: 20 }), fc.nat({ max: 3 })),
    { maxLength: 16 },
  );
  let run = 0;
  const check = fc.assert(
    fc.asyncProperty(writes, async list => {
      run += 1;
      const file = join(path, `overlay-${run}`);
      // 0 and 1: the disk has room; 2: none for the bitmap; 3: none for data.
      let mood = 0;
      const fails = (position: number) => (position < 4096 ? false : position < 8192 ? mood === 2 : mood === 3);
      const disk = new OverlayDevice(base(), await openFileStore(file, { size: SIZE, id: 'base' }, failing(fails)));
      const plain = Buffer.from(base().bytes);
      const unknown = new Set<number>();
      for (const [index, [block, count, next]] of list.entries()) {
        mood = next;
        const blocks = Math.min(count, BLOCKS - block);
        const bytes = Buffer.alloc(blocks * 512, index + 1);
        const isKept = await disk.write(bytes, block * 512).then(
          () => true,
          () => false,
        );
        if (isKept) bytes.copy(plain, block * 512);
        // What a refused write leaves is unknown, in the blocks that it names and no others.
        for (let at = block; at < block + blocks; at += 1) isKept ? unknown.delete(at) : unknown.add(at);
      }
      await disk.close();
      const again = new OverlayDevice(base(), await openFileStore(file, { size: SIZE, id: 'base' }));
      const found = Buffer.alloc(SIZE);
      await again.load(0, SIZE);
      again.read(found, 0, SIZE, 0);
      await again.close();
      for (let block = 0; block < BLOCKS; block += 1) {
        if (unknown.has(block)) continue;
        const [from, to] = [block * 512, (block + 1) * 512];
        if (!found.subarray(from, to).equals(plain.subarray(from, to))) return false;
      }
      return true;
    }),
    { numRuns: 100, seed: 11 },
  );
  await t.notThrowsAsync(check);
});

test('fsync(2): after one failed flush no later flush reports success', async t => {
  const path = join(await folder(t), 'overlay');
  let flushes = 0;
  const store = await openFileStore(path, { size: SIZE, id: 'base' }, async name => {
    const handle = await open(name, constants.O_RDWR | constants.O_CREAT, 0o600);
    return Object.assign(handle, {
      datasync: async () => {
        flushes += 1;
        if (flushes === 1) throw new Error('i/o error');
      },
    });
  });
  await store.write(Buffer.alloc(4096, 1), 0);
  await t.throwsAsync(store.flush(), { message: 'i/o error' });
  await t.throwsAsync(store.flush(), { message: 'i/o error' });
  await store.close();
});

/** A file on a disk without power: of what was written since the last sync, each page is there or not. */
class Losing {
  private disk = Buffer.alloc(0);
  private pending: { position: number; bytes: Buffer }[] = [];

  async open(path: string): Promise<FileHandle> {
    const handle = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
    const real = {
      datasync: handle.datasync.bind(handle),
      write: handle.write.bind(handle),
      truncate: handle.truncate.bind(handle),
    };
    const sync = async (): Promise<void> => {
      const done = this.pending;
      await real.datasync();
      for (const one of done) this.put(one);
      this.pending = this.pending.filter(one => !done.includes(one));
    };
    const write = async (buffer: Buffer, from: number, length: number, position: number) => {
      for (let at = 0; at < length; ) {
        const size = Math.min(length - at, 4096 - ((position + at) % 4096));
        this.pending = [
          ...this.pending,
          { position: position + at, bytes: Buffer.from(buffer.subarray(from + at, from + at + size)) },
        ];
        at += size;
      }
      return real.write(buffer, from, length, position);
    };
    const truncate = async (size: number): Promise<void> => {
      this.disk = Buffer.concat([this.disk, Buffer.alloc(Math.max(0, size - this.disk.length))]);
      await real.truncate(size);
    };
    return Object.assign(handle, { sync, datasync: sync, write, truncate }) as FileHandle;
  }

  /** What is on the disk when the power is back. */
  cut(isThere: () => boolean): Buffer {
    for (const one of this.pending) if (isThere()) this.put(one);
    this.pending = [];
    return this.disk;
  }

  private put({ position, bytes }: { position: number; bytes: Buffer }): void {
    bytes.copy(this.disk, position);
  }
}

test('a power cut loses no sector that was flushed, and changes none that was not written', async t => {
  const path = await folder(t);
  const step = fc.oneof(
    fc.record({ block: fc.nat(BLOCKS - 1), count: fc.integer({ min: 1, max: 20 }) }),
    fc.constantFrom('flush', 'kill' as const),
  );
  let run = 0;
  const check = fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 14 }), fc.infiniteStream(fc.boolean()), async (steps, coins) => {
      run += 1;
      const file = join(path, `cut-${run}`);
      const losing = new Losing();
      const openFirst = async () =>
        new OverlayDevice(
          base(),
          await openFileStore(file, { size: SIZE, id: 'base' }, async name => losing.open(name), 'first'),
        );
      let disk = await openFirst();
      // For each sector what it may hold: the last flushed content, and whatever was written since.
      const may = Array.from({ length: BLOCKS }, (_, block) => [base().bytes.subarray(block * 512, (block + 1) * 512)]);
      for (const [index, one] of steps.entries()) {
        if (one === 'flush') {
          await disk.flush();
          for (const allowed of may) allowed.splice(0, allowed.length - 1);
        } else if (one === 'kill') {
          await disk.close();
          disk = await openFirst();
        } else if (typeof one !== 'string') {
          const count = Math.min(one.count, BLOCKS - one.block);
          await disk.write(Buffer.alloc(count * 512, index + 1), one.block * 512);
          for (let at = one.block; at < one.block + count; at += 1) may[at]?.push(Buffer.alloc(512, index + 1));
        }
      }
      await disk.close();
      await writeFile(
        file,
        losing.cut(() => coins.next().value as boolean),
      );
      const store = await openFileStore(file, { size: SIZE, id: 'base' }, undefined, 'second');
      const after = new OverlayDevice(base(), store);
      const found = Buffer.alloc(SIZE);
      await after.load(0, SIZE);
      after.read(found, 0, SIZE, 0);
      await after.close();
      return may.every((allowed, block) =>
        allowed.some(bytes => found.subarray(block * 512, (block + 1) * 512).equals(bytes)),
      );
    }),
    { numRuns: 60, seed: 5 },
  );
  await t.notThrowsAsync(check);
});

test('an overlay of an older musterd, without a second bitmap, keeps what was written', async t => {
  const path = join(await folder(t), 'overlay');
  const before = new OverlayDevice(base(), await openFileStore(path, { size: SIZE, id: 'base' }, undefined, 'first'));
  await before.write(Buffer.alloc(4096, 9), 4096);
  await before.close();
  // Header, bitmap and nine granules.
  await truncate(path, 4096 + 4096 + 9 * 4096);
  for (const run of ['first', 'second', 'third']) {
    const after = new OverlayDevice(base(), await openFileStore(path, { size: SIZE, id: 'base' }, undefined, run));
    const found = Buffer.alloc(4096);
    await after.load(4096, 4096);
    after.read(found, 0, 4096, 4096);
    t.true(found.equals(Buffer.alloc(4096, 9)), run);
    await after.close();
  }
});

test('the overlay of another disk is refused, and so is a file that is no overlay', async t => {
  const path = await folder(t);
  await (await openFileStore(join(path, 'overlay'), { size: SIZE, id: 'one' })).close();
  await t.throwsAsync(openFileStore(join(path, 'overlay'), { size: SIZE, id: 'other' }), {
    message: /over 'one', not over 'other'/,
  });
  await writeFile(join(path, 'text'), Buffer.alloc(8192, 'x'));
  await t.throwsAsync(openFileStore(join(path, 'text'), { size: SIZE, id: 'one' }), { message: /no overlay/ });
});

test('memory is limited; what was written before stays', async t => {
  const disk = new OverlayDevice(base(), memoryStore(8192));
  await disk.write(Buffer.alloc(8192, 1), 0);
  await t.throwsAsync(disk.write(Buffer.alloc(512, 2), 8192), { instanceOf: NoSpaceError });
  await disk.write(Buffer.alloc(512, 3), 0);
  const found = Buffer.alloc(1024);
  disk.read(found, 0, 1024, 0);
  t.deepEqual([found[0], found[1023]], [3, 1]);
});

test('a read-only file: padded to whole blocks, cold first, and readable after its name is removed', async t => {
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
