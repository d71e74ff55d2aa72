// Stored files are read once, by a thread, until they change.
import { createHash } from 'node:crypto';
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { StoredDigests } from '../../src/evidence/digests.ts';
import { until } from '../support/until.ts';

const MINUTE = 60_000;
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

test('a file is right until one of its bytes changes, and a thread reads it', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-digests-'));
  t.teardown(async () => rm(folder, { recursive: true }));
  const path = join(folder, 'blob');
  const bytes = Buffer.alloc(3 << 20, 'content');
  await writeFile(path, bytes);
  const file = {
    blob: sha256(bytes),
    offset: 1 << 20,
    size: 1 << 20,
    sha256: sha256(bytes.subarray(1 << 20, 2 << 20)),
  };
  const digests = new StoredDigests();
  t.is(await digests.look(path, file, MINUTE), 'right');
  t.is(await digests.look(path, { ...file, sha256: sha256(bytes) }, MINUTE), 'wrong', 'the part that is sent counts');
  bytes[5] = 0;
  await writeFile(path, bytes);
  await utimes(path, 1, 1);
  t.is(await digests.look(path, file, MINUTE), 'wrong', 'and so does the whole');
  t.is(await digests.look(join(folder, 'gone'), file, MINUTE), undefined);
});

test('one read serves all callers, and no caller waits longer than its limit', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-digests-'));
  t.teardown(async () => rm(folder, { recursive: true }));
  const path = join(folder, 'blob');
  await writeFile(path, 'x');
  const file = { blob: 'a', offset: 0, size: 1, sha256: 'b' };
  let reads = 0;
  let end = (_digests: { whole: string; range: string } | undefined): void => {};
  const digests = new StoredDigests(async () => {
    reads += 1;
    return new Promise(resolve => {
      end = resolve;
    });
  });
  t.is(await digests.look(path, file, 0), 'reading');
  const both = [digests.look(path, file, MINUTE), digests.look(path, file, MINUTE)];
  end({ whole: 'a', range: 'b' });
  t.deepEqual(await Promise.all(both), ['right', 'right']);
  t.is(reads, 1);
  const other = digests.look(path, { ...file, size: 2 }, MINUTE);
  await until('the second reading begins', () => reads === 2);
  end(undefined);
  t.is(await other, undefined, 'a file that cannot be read is no wrong one');
});

test('files that wait to be read are bounded', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-digests-'));
  t.teardown(async () => rm(folder, { recursive: true }));
  const path = join(folder, 'blob');
  await writeFile(path, 'x');
  const digests = new StoredDigests(async () => new Promise(() => {}));
  const answers = [];
  for (let size = 0; size < 100; size += 1)
    answers.push(await digests.look(path, { blob: 'a', offset: 0, size, sha256: 'b' }, 0));
  t.is(answers.filter(answer => answer === 'reading').length, 16);
});
