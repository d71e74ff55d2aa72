// Root restores and backs up a folder of another user with that user's rights: what the user plants there leads root nowhere.
import { chownSync, lstatSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { packageRoot } from '../../src/package-root.ts';
import { type RunResult, run } from '../../src/process/run.ts';
import { makeHead } from '../durable/heads.ts';
import { temporaryFolder } from '../store/folder.ts';
import { requireAll } from '../support/require.ts';

const BIN = join(packageRoot, 'dist/src/cli/bin.js');
const NOBODY = 65_534;

const restore = async (state: string, file: string): Promise<RunResult> =>
  run(process.execPath, [BIN, 'restore', file, '--state', state, '--force', '--socket', '/nowhere/admin.sock']);

test("a link in the state folder to a file of root's: root keeps it, and the restore is the owner's", async t => {
  if (!requireAll(t, { root: true })) return;
  const folder = temporaryFolder(t);
  const { backup } = await makeHead(join(folder, 'head'), 'head');
  const state = join(folder, 'state');
  mkdirSync(state);
  writeFileSync(join(folder, 'of-root'), 'secret', { mode: 0o600 });
  mkdirSync(join(folder, 'roots-folder'), { mode: 0o700 });
  symlinkSync(join(folder, 'of-root'), join(state, 'link'));
  symlinkSync(join(folder, 'of-root'), join(state, 'head.key'));
  chownSync(state, NOBODY, NOBODY);
  // The folders above are root's alone in a test; a real state folder can be reached.
  await run('chmod', ['755', folder, join(folder, 'head')]);
  const { status, stderr } = await restore(state, backup);
  t.is(status, 0, stderr);
  t.is(statSync(join(folder, 'of-root')).uid, 0);
  t.is(statSync(join(folder, 'of-root')).size, 6);
  t.true(lstatSync(join(state, 'head.key')).isFile());
  for (const name of readdirSync(state, { recursive: true }) as string[]) {
    if (name !== 'link' && !name.startsWith('before-restore-')) t.is(lstatSync(join(state, name)).uid, NOBODY, name);
  }
  // A folder of root's in the way is a refusal, and no reason to write there.
  symlinkSync(join(folder, 'roots-folder'), join(state, 'restoring'));
  symlinkSync(join(folder, 'roots-folder'), join(folder, 'aside'));
  const blobs = join(state, 'blobs');
  await run('rm', ['-rf', blobs]);
  symlinkSync(join(folder, 'roots-folder'), blobs);
  const refused = await restore(state, backup);
  t.is(refused.status, 7, refused.stderr);
  t.regex(refused.stderr, /must belong to its owner: chown -R muster:muster/);
  t.deepEqual(readdirSync(join(folder, 'roots-folder')), []);
});

test('a backup of a stopped head leaves nothing of root in the folder', async t => {
  if (!requireAll(t, { root: true })) return;
  const folder = temporaryFolder(t);
  const { state } = await makeHead(folder, 'head');
  await run('chown', ['-R', `${NOBODY}:${NOBODY}`, state]);
  await run('chmod', ['755', folder]);
  const { status, stderr } = await run(process.execPath, [BIN, 'backup', join(folder, 'b.tar'), '--state', state]);
  t.is(status, 0, stderr);
  t.is(statSync(join(folder, 'b.tar')).uid, 0);
  for (const name of readdirSync(state, { recursive: true }) as string[])
    t.is(lstatSync(join(state, name)).uid, NOBODY, name);
});
