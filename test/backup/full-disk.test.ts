// A full disk ends a backup or a restore with a sentence, and leaves what was there.
import { createReadStream, existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { restoreBackup } from '../../src/backup/restore.ts';
import { MusterError, systemCode } from '../../src/errors.ts';
import { packageRoot } from '../../src/package-root.ts';
import { type RunResult, run } from '../../src/process/run.ts';
import { headIn, makeHead } from '../durable/heads.ts';
import { smallFileSystem, temporaryFolder } from '../store/folder.ts';
import { requireAll } from '../support/require.ts';

const BIN = join(packageRoot, 'dist/src/cli/bin.js');
const NEEDS = { root: true, programs: ['mount', 'umount'] };

const muster = async (...words: string[]): Promise<RunResult> =>
  run(process.execPath, [BIN, ...words, '--socket', '/nowhere/admin.sock']);

/** Fills a file system up to the last block. */
function fill(folder: string): void {
  try {
    for (let count = 0; ; count += 1) writeFileSync(join(folder, `fill-${count}`), Buffer.alloc(16_384, 1));
  } catch (error) {
    if (systemCode(error) !== 'ENOSPC') throw error;
  }
}

test('no room for the backup: nothing is left there, and an older backup stays', async t => {
  if (!requireAll(t, NEEDS)) return;
  const { state } = await makeHead(temporaryFolder(t), 'head');
  const small = await smallFileSystem(t, 1);
  const file = join(small, 'b.tar');
  writeFileSync(file, 'the backup of yesterday');
  fill(small);
  const filled = readdirSync(small);
  const { status, stderr } = await muster('backup', file, '--state', state);
  t.is(status, 6, stderr);
  t.regex(stderr, /b\.tar\.part: there is no space for the backup\. Nothing was left there\./);
  t.deepEqual(readdirSync(small), filled);
});

test('no room for the copy of the database: the head is unchanged', async t => {
  if (!requireAll(t, NEEDS)) return;
  const small = await smallFileSystem(t, 2);
  const { state } = await makeHead(small, 'head');
  fill(small);
  const out = temporaryFolder(t);
  const { status, stderr } = await muster('backup', join(out, 'b.tar'), '--state', state);
  t.is(status, 6, stderr);
  t.regex(stderr, /no room/);
  t.deepEqual(readdirSync(out), []);
  for (const name of readdirSync(small)) if (name.startsWith('fill-')) rmSync(join(small, name));
  t.is(await headIn(state), 'head');
});

test('a restore that does not fit is refused before it writes', async t => {
  if (!requireAll(t, NEEDS)) return;
  const small = await smallFileSystem(t, 2);
  const { state } = await makeHead(small, 'old');
  const { backup } = await makeHead(temporaryFolder(t), 'new');
  fill(small);
  const { status, stderr } = await muster('restore', backup, '--state', state, '--force');
  t.is(status, 6, stderr);
  t.regex(stderr, /The backup needs \d+ bytes, and there is room for \d+\.|no room|disk is full/);
  for (const name of readdirSync(small)) if (name.startsWith('fill-')) rmSync(join(small, name));
  t.is(await headIn(state), 'old');
});

test('a disk that fills up during a restore: the old head stays, and nothing of the new one', async t => {
  if (!requireAll(t, NEEDS)) return;
  const small = await smallFileSystem(t, 2);
  const { state } = await makeHead(small, 'old');
  const { backup } = await makeHead(temporaryFolder(t), 'new');
  const chunks = async function* (): AsyncGenerator<Buffer> {
    let isFull = false;
    for await (const chunk of createReadStream(backup, { highWaterMark: 8192 })) {
      if (!isFull && existsSync(join(state, 'restoring', 'muster.db'))) {
        fill(small);
        isFull = true;
      }
      yield chunk as Buffer;
    }
  };
  const error = await t.throwsAsync(restoreBackup(state, chunks(), { force: true, now: 1 }), {
    instanceOf: MusterError,
  });
  t.is(error?.code, 'disk-full', error?.message);
  t.false(existsSync(join(state, 'restoring')));
  for (const name of readdirSync(small)) if (name.startsWith('fill-')) rmSync(join(small, name));
  t.is(await headIn(state), 'old');
});
