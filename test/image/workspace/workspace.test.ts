// A workspace whose program was killed while it replaced an image: the manifest says what the file is, whoever reads it next.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { isOvertaken, type Local } from '../../../src/image/workspace/manifest.ts';
import { Workspace } from '../../../src/image/workspace/workspace.ts';
import { packageRoot } from '../../../src/package-root.ts';
import { requireAll } from '../../support/require.ts';

const UID = 'a'.repeat(32);
const OTHER = 'b'.repeat(32);
const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
const TIME = '2026-01-02T03:04:05.000Z';

const folderOf = (t: ExecutionContext): string => {
  const folder = mkdtempSync(join(tmpdir(), 'muster-workspace-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
};

const put = (folder: string, manifest: object): void =>
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest));

test('killed before the file was renamed: the old image, as it was', async t => {
  const folder = folderOf(t);
  const base = { image: UID.slice(0, 8), sha256: digest('OLD') };
  const old: Local = { uid: UID, name: 'img', sha256: digest('OLD'), time: TIME, remote: true, base };
  const now = { ...old, sha256: digest('NEW'), base: { ...base, sha256: digest('NEW') } };
  writeFileSync(join(folder, UID), 'OLD');
  put(folder, { images: [now], pending: { uid: UID, sha256: digest('NEW'), images: [old] } });
  const workspace = await Workspace.open(folder);
  const found = await workspace.find('img');
  t.deepEqual(found, old);
  t.deepEqual(await workspace.verify(now), old, 'also for a caller who had the manifest before');
  t.true(found && isOvertaken(found, { uid: UID, name: 'img', sha256: digest('NEW'), frozen: false }));
  t.deepEqual(JSON.parse(readFileSync(workspace.manifestFile, 'utf8')), { images: [old] });
});

test('killed after the file was renamed: the new image', async t => {
  const folder = folderOf(t);
  const old: Local = { uid: UID, name: 'img', sha256: digest('OLD'), time: TIME, remote: true };
  const now = { ...old, sha256: digest('NEW') };
  writeFileSync(join(folder, UID), 'NEW');
  put(folder, { images: [now], pending: { uid: UID, sha256: digest('NEW'), images: [old] } });
  const workspace = await Workspace.open(folder);
  t.deepEqual(await workspace.list(), [now]);
  t.deepEqual(await workspace.verify(old), now);
});

test('a new image under the name of another: the other one is not lost before the new one is there', async t => {
  const folder = folderOf(t);
  const old: Local = { uid: OTHER, name: 'img', sha256: digest('OLD'), time: TIME, remote: true };
  const now = { ...old, uid: UID, sha256: digest('NEW') };
  writeFileSync(join(folder, OTHER), 'OLD');
  put(folder, { images: [now], pending: { uid: UID, sha256: digest('NEW'), images: [old] } });
  const workspace = await Workspace.open(folder);
  t.deepEqual(await workspace.find('img'), old);
});

test('a manifest of an older version, which names both digests', async t => {
  const folder = folderOf(t);
  const base = { image: UID.slice(0, 8), sha256: digest('NEW') };
  const now = { uid: UID, name: 'img', sha256: digest('NEW'), previous: digest('OLD'), time: TIME, remote: true, base };
  for (const there of ['OLD', 'NEW']) {
    writeFileSync(join(folder, UID), there);
    put(folder, { images: [now] });
    const workspace = await Workspace.open(folder);
    const found = await workspace.find('img');
    t.is(found?.sha256, digest(there));
    t.is(found?.base?.sha256, there === 'NEW' ? digest('NEW') : undefined);
    t.is((await workspace.verify(now)).sha256, digest(there));
    t.false(readFileSync(workspace.manifestFile, 'utf8').includes('previous'));
  }
});

test('a damaged file is refused, and one that is taken stays when it is replaced', async t => {
  const folder = folderOf(t);
  const workspace = await Workspace.open(folder);
  writeFileSync(join(folder, 'fetched'), 'OLD');
  const local = await workspace.keep(join(folder, 'fetched'), { uid: UID, name: 'img', remote: false });
  t.is(await workspace.take(local, join(folder, 'taken')), digest('OLD'));
  writeFileSync(join(folder, 'fetched'), 'NEW');
  await workspace.keep(join(folder, 'fetched'), { uid: UID, name: 'img', remote: false });
  t.is(readFileSync(join(folder, 'taken'), 'utf8'), 'OLD');
  writeFileSync(join(folder, UID), 'DAMAGED');
  await t.throwsAsync(workspace.verify(local), { code: 'bad-digest' });
});

const KEEP = `
import { writeFileSync } from 'node:fs';
const { Workspace } = await import(process.argv[1] + '/dist/src/image/workspace/workspace.js');
const [, , folder, uid] = process.argv;
const workspace = await Workspace.open(folder);
writeFileSync(folder + '/new', 'NEW');
await workspace.keep(folder + '/new', { uid, name: 'img', remote: true });
`;

test('killed at each rename of the kernel, the manifest names what is there, and an image of the name is whole', async t => {
  if (!requireAll(t, { programs: ['strace'] })) return;
  for (const uid of [UID, OTHER]) {
    let isDone = false;
    for (let at = 1; !isDone; at += 1) {
      const folder = folderOf(t);
      writeFileSync(join(folder, UID), 'OLD');
      put(folder, { images: [{ uid: UID, name: 'img', sha256: digest('OLD'), time: TIME, remote: true }] });
      // The call is killed before it takes effect.
      const inject = `inject=rename,renameat,renameat2:signal=SIGKILL:error=EIO:when=${at}`;
      const words = ['-f', '-qq', '-o', '/dev/null', '-e', 'trace=rename,renameat,renameat2', '-e', inject];
      const node = [process.execPath, '--input-type=module', '-e', KEEP, packageRoot, folder, uid];
      const { signal, status } = spawnSync('strace', [...words, ...node], {
        encoding: 'utf8',
        timeout: 120_000,
        // strace counts the calls of each thread: with one for files they are all counted together.
        env: { ...process.env, UV_THREADPOOL_SIZE: '1' },
      });
      isDone = status === 0;
      t.true(isDone || signal === 'SIGKILL' || status === 137, `${status} ${signal}`);
      const workspace = await Workspace.open(folder);
      const found = await workspace.find('img');
      const content = found && readFileSync(workspace.file(found), 'utf8');
      t.is(found?.sha256, digest(content ?? ''), `${uid} ${at}`);
      t.true(content === 'OLD' || content === 'NEW');
      if (isDone) t.deepEqual([content, at > 2], ['NEW', true]);
      if (isDone) t.false(readdirSync(folder).some(name => name.endsWith('.new')));
    }
  }
});
