import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { Uploads } from '../../src/blobs/uploads.ts';
import { MusterError } from '../../src/errors.ts';
import { smallFileSystem, temporaryFolder } from '../store/folder.ts';
import { requireAll } from '../support/require.ts';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const PLAIN = { baseFor: () => 0 };

function uploading(t: ExecutionContext, folder = temporaryFolder(t)) {
  const clock = { now: 1_000_000 };
  let count = 0;
  const uploads = new Uploads(
    folder,
    () => {
      count += 1;
      return `u${count}`;
    },
    () => clock.now,
  );
  return { uploads, clock, files: () => readdirSync(join(folder, 'uploads')) };
}

async function refused(t: ExecutionContext, work: Promise<unknown>, code: string, text: RegExp): Promise<void> {
  const error = await t.throwsAsync(work, { instanceOf: MusterError, message: text });
  t.is(error?.code, code as MusterError['code']);
}

const stream = (...chunks: Buffer[]): Readable => Readable.from(chunks, { objectMode: false });

test('bytes in any pieces, over any number of connections, arrive as they were sent', async t => {
  const { uploads } = uploading(t);
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ minLength: 1, maxLength: 400 }),
      fc.array(fc.nat(60), { maxLength: 8 }),
      fc.constantFrom(0, 1 << 20),
      async (data, cuts, base) => {
        const bytes = Buffer.from(data);
        const { id } = await uploads.create(bytes.length);
        for (const cut of [...cuts, 1000]) {
          const { offset } = uploads.get(id);
          const part = bytes.subarray(offset, offset + cut);
          if (part.length > 0) await uploads.append(id, offset, stream(part), { baseFor: () => base });
        }
        t.is(uploads.digest(id), sha256(bytes));
        const taken = uploads.take(id);
        t.is(taken.sha256, sha256(bytes));
        t.deepEqual(readFileSync(taken.path).subarray(base), bytes);
      },
    ),
    { numRuns: 60 },
  );
});

test('a connection that breaks leaves what has arrived, and the next goes on from there', async t => {
  const { uploads } = uploading(t);
  const bytes = randomBytes(100_000);
  const { id } = await uploads.create(bytes.length);
  const broken = new PassThrough();
  const first = uploads.append(id, 0, broken, PLAIN);
  broken.write(bytes.subarray(0, 40_000));
  // The bytes must have been taken before the connection breaks.
  while (uploads.get(id).offset < 40_000) await new Promise(resolve => setImmediate(resolve));
  broken.destroy(new Error('aborted'));
  await refused(t, first, 'upload-incomplete', /^The upload u1 broke off at byte 40000: aborted\.$/);
  t.is(uploads.get(id).offset, 40_000);
  await uploads.append(id, 40_000, stream(bytes.subarray(40_000)), PLAIN);
  t.is(uploads.take(id).sha256, sha256(bytes));
});

test('two connections on one upload: the second is refused, and harms nothing', async t => {
  const { uploads } = uploading(t);
  const { id } = await uploads.create(10);
  const slow = new PassThrough();
  const first = uploads.append(id, 0, slow, PLAIN);
  slow.write('12345678');
  const text = /^The upload u1 is being written by another connection\.$/;
  await refused(t, uploads.append(id, 0, stream(Buffer.from('x')), PLAIN), 'conflict', text);
  t.throws(() => uploads.take(id), { instanceOf: MusterError, message: text });
  slow.end('90');
  await first;
  t.is(readFileSync(uploads.take(id).path, 'latin1'), '1234567890');
});

test('another offset than that of the bytes there is refused', async t => {
  const { uploads } = uploading(t);
  const { id } = await uploads.create(10);
  await refused(
    t,
    uploads.append(id, 3, stream(Buffer.from('x')), PLAIN),
    'conflict',
    /^The upload u1 is at byte 0, not 3; go on from there\.$/,
  );
  await refused(t, uploads.append(id, Number.NaN, stream(Buffer.from('x')), PLAIN), 'conflict', /at byte 0, not NaN/);
});

test('shorter than announced: nothing can be made of it', async t => {
  const { uploads } = uploading(t);
  const { id } = await uploads.create(100);
  await uploads.append(id, 0, stream(Buffer.alloc(60)), PLAIN);
  const error = t.throws(() => uploads.take(id), { instanceOf: MusterError });
  t.is(error?.code, 'upload-incomplete');
  t.is(error?.message, 'The upload has 60 of 100 bytes; nothing was stored.');
});

test('longer than announced: refused, and its file is gone', async t => {
  const { uploads, files } = uploading(t);
  const { id } = await uploads.create(10);
  await refused(
    t,
    uploads.append(id, 0, stream(Buffer.alloc(11)), PLAIN),
    'bad-value',
    /^The upload sends more than the 10 bytes it announced; nothing was stored\.$/,
  );
  t.deepEqual(files(), []);
  t.throws(() => uploads.get(id), {
    instanceOf: MusterError,
    message: 'There is no upload u1 any more; begin it again.',
  });
});

test('an upload is taken once', async t => {
  const { uploads } = uploading(t);
  const { id } = await uploads.create(1);
  await uploads.append(id, 0, stream(Buffer.from('x')), PLAIN);
  uploads.take(id);
  t.throws(() => uploads.take(id), {
    instanceOf: MusterError,
    message: 'There is no upload u1 any more; begin it again.',
  });
});

test('the format is known before the first byte is placed, however small the pieces are', async t => {
  const { uploads } = uploading(t);
  const { id } = await uploads.create(12);
  const seen: string[] = [];
  const rules = { baseFor: (beginning: Buffer) => seen.push(beginning.toString('latin1')) && 16 };
  const pieces = ['h', 's', 'qs', '1234', '5678'].map(text => Buffer.from(text));
  await uploads.append(id, 0, stream(...pieces), rules);
  t.deepEqual(seen, ['hsqs1234']);
  t.is(readFileSync(uploads.take(id).path).toString('latin1', 16), 'hsqs12345678');
  const other = await uploads.create(12);
  await uploads.append(other.id, 0, stream(Buffer.from('hs')), rules);
  t.is(uploads.get(other.id).offset, 0, 'too little to know the format counts as nothing');
});

test('an upload that is larger than the disk is refused before its first byte', async t => {
  const { uploads, files } = uploading(t);
  await refused(
    t,
    uploads.create(2 ** 50),
    'disk-full',
    /^The upload has 1125899906842624 bytes, and the head's disk has room for \d+; free some \('muster storage gc'\) and repeat\.$/,
  );
  t.deepEqual(files(), []);
});

test('a disk that fills up during the upload: the upload ends, and what it took is free again', async t => {
  if (!requireAll(t, { root: true, programs: ['mount', 'umount'] })) return;
  const folder = await smallFileSystem(t, 4);
  const { uploads, files } = uploading(t, folder);
  const { id } = await uploads.create(3 << 20);
  writeFileSync(join(folder, 'others-fill-the-disk'), Buffer.alloc(2 << 20));
  const chunks = Array.from({ length: 48 }, () => Buffer.alloc(65_536, 1));
  await refused(
    t,
    uploads.append(id, 0, stream(...chunks), PLAIN),
    'disk-full',
    /^The upload: the head's disk is full; nothing was stored\. Free some room and repeat\.$/,
  );
  t.deepEqual(files(), []);
  const small = await uploads.create(1 << 20);
  await uploads.append(small.id, 0, stream(Buffer.alloc(1 << 20)), PLAIN);
  t.is(uploads.take(small.id).offset, 1 << 20);
});

test('uploads that nobody continues are removed; what a killed daemon left is removed at the start', async t => {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'uploads'));
  writeFileSync(join(folder, 'uploads/left'), 'x');
  const { uploads, clock, files } = uploading(t, folder);
  t.false(existsSync(join(folder, 'uploads/left')));
  const { id } = await uploads.create(10);
  clock.now += 61 * 60_000;
  await uploads.create(10);
  t.deepEqual(files(), ['u2']);
  t.throws(() => uploads.get(id), { instanceOf: MusterError });
});
