// File sets behind the admin API: what storage keeps, what a backup carries, a full disk, and which sets a node has.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { AdminClient } from '../../src/api/client.ts';
import type { Explained } from '../../src/api/nodes.ts';
import { readTree, writeTree } from '../../src/files/archive.ts';
import type { TreeEntry } from '../../src/files/tree.ts';
import { packageRoot } from '../../src/package-root.ts';
import { run } from '../../src/process/run.ts';
import { isSealed } from '../../src/sealing.ts';
import { file, folder, withSettings } from '../files/build.ts';
import { smallFileSystem, temporaryFolder } from '../store/folder.ts';
import { requireAll } from '../support/require.ts';
import { ask, startWorld } from './world.ts';

async function world(t: ExecutionContext, where = temporaryFolder(t)) {
  const started = await startWorld(where);
  const client = new AdminClient({ socket: started.socket, command: 'test' });
  t.teardown(async () => {
    await client.close();
    await started.stop();
  });
  const asking = async (method: string, path: string, body?: unknown) =>
    ask(started.socket, method, `/api/v1${path}`, body);
  const outside = temporaryFolder(t);
  const store = async (name: string, tree: readonly TreeEntry[]) => {
    const path = join(outside, 'set.tar');
    writeFileSync(path, writeTree(tree));
    const content = { upload: (await client.upload(path)).id };
    const { status } = await asking('GET', `/fileset/${name}`);
    return status === 200
      ? asking('PATCH', `/fileset/${name}`, { content })
      : asking('POST', '/filesets', { name, content });
  };
  return { ...started, client, ask: asking, store, where };
}

const restoreTo = async (state: string, backup: string) =>
  run(process.execPath, [
    join(packageRoot, 'dist/src/cli/bin.js'),
    'restore',
    backup,
    '--state',
    state,
    '--socket',
    '/nowhere/admin.sock',
  ]);

test('earlier contents stay in storage until their version goes, and a backup carries them', async t => {
  const all = await world(t);
  for (let count = 1; count <= 12; count += 1)
    t.true((await all.store('base', [file('/etc/motd', `content ${count}`)])).status < 300);
  t.is((await all.blobs.list()).length, 12);
  const { removed, missing } = await all.collect(false, 0);
  t.deepEqual([removed.length, missing.length], [2, 0], 'ten versions are kept');
  const first = await all.ask('GET', '/fileset/base/archive?version=3');
  t.is(first.status, 200);
  t.regex(first.text, /content 3/);
  const secret = withSettings('secret = true', file('/etc/key', 'the secret'));
  await all.store('munge', secret);

  const backup = join(all.where, 'b.tar');
  const bin = join(packageRoot, 'dist/src/cli/bin.js');
  const made = await run(process.execPath, [bin, 'backup', backup, '--socket', all.socket]);
  t.is(made.status, 0, made.stderr);
  t.false(readFileSync(backup).includes('the secret'));
  const other = temporaryFolder(t);
  const restored = await restoreTo(join(other, 'state'), backup);
  t.is(restored.status, 0, restored.stderr);
  const again = await world(t, other);
  t.deepEqual((await again.collect(true, 0)).missing, []);
  t.is((await again.ask('GET', '/fileset/base/archive?version=5')).status, 200);
  const archive = await again.ask('GET', '/fileset/munge/content');
  t.regex(archive.text, /the secret/, 'with the same key');
});

test('a set with a secret is encrypted, equal contents are one blob, and another key does not open it', async t => {
  const all = await world(t);
  const tree = withSettings('[files."/etc/key"]\nsecret = true', file('/etc/key', 'the secret'));
  await all.store('one', tree);
  await all.store('two', tree);
  const [blob, ...more] = await all.blobs.list();
  t.deepEqual(more, []);
  const stored = readFileSync(all.blobs.path(blob?.sha256 ?? ''));
  t.true(isSealed(stored));
  t.false(stored.includes('the secret'));
  const before = (await all.ask('GET', '/fileset/one')).json.data as { content: { secret: boolean; files: number } };
  t.like(before.content, { secret: true, files: 2 });
  await all.stop();
  writeFileSync(join(all.where, 'state/head.key'), Buffer.alloc(32, 'x'));
  const again = await world(t, all.where);
  const answer = await again.ask('GET', '/fileset/one/archive');
  t.is(answer.json.code, 'cannot-open');
  t.regex(answer.json.reason ?? '', /^The content of the file set one cannot be decrypted/);
});

test('a set that becomes secret has no content in the clear any more, earlier versions included', async t => {
  const all = await world(t);
  const key = file('/etc/key', 'the secret');
  await all.store('one', [key, file('/etc/motd', 'a')]);
  await all.store('one', [key]);
  t.is((await all.blobs.list()).length, 2);
  await all.store('one', withSettings('[files."/etc/key"]\nsecret = true', key));
  await all.collect(false, 0);
  const blobs = await all.blobs.list();
  t.is(blobs.length, 3);
  for (const { sha256 } of blobs) t.true(isSealed(readFileSync(all.blobs.path(sha256))), sha256);
  t.deepEqual(readdirSync(join(all.where, 'state/uploads')), []);
  const { versions } = (await all.ask('GET', '/fileset/one')).json.data as { versions: { secret: boolean }[] };
  t.deepEqual(
    versions.map(({ secret }) => secret),
    [true, true, true],
  );
  t.regex((await all.ask('GET', '/fileset/one/archive?version=1')).text, /the secret/);
  t.is((await all.ask('POST', '/fileset/one/rollback', { version: 1 })).status, 200);
  t.is((await all.ask('GET', '/fileset/one/tree')).status, 200);
});

test('a full disk: the set keeps its content, and nothing is left of the new one', async t => {
  if (!requireAll(t, { root: true, programs: ['mount', 'umount'] })) return;
  const all = await world(t, await smallFileSystem(t, 8));
  await all.store('base', [file('/etc/motd', 'small')]);
  const large = join(temporaryFolder(t), 'set.tar');
  writeFileSync(large, writeTree([file('/x', Buffer.alloc(5 << 20, 'x'))]));
  writeFileSync(join(all.where, 'others'), Buffer.alloc(4 << 20));
  const error = await t.throwsAsync(all.client.upload(large), { code: 'disk-full' });
  t.regex(error.message, /the head's disk/);
  t.deepEqual(readdirSync(join(all.where, 'state/uploads')), []);
  const kept = await all.ask('GET', '/fileset/base/archive');
  t.regex(kept.text, /small/);
});

test('what is no archive of files is refused, and leaves nothing', async t => {
  const all = await world(t);
  const path = join(temporaryFolder(t), 'x');
  for (const [bytes, code] of [
    [Buffer.from('a text'), 'bad-files'],
    [Buffer.concat([Buffer.from('hsqs'), Buffer.alloc(4096)]), 'bad-files'],
    [Buffer.alloc(0), 'bad-value'],
  ] as const) {
    writeFileSync(path, bytes);
    const answer = await all.ask('POST', '/filesets', {
      name: 'x',
      content: { upload: (await all.client.upload(path)).id },
    });
    t.is(answer.json.code, code);
  }
  t.deepEqual(await all.blobs.list(), []);
  t.deepEqual(readdirSync(join(all.where, 'state/uploads')), []);
});

test('an archive of another program becomes canonical', async t => {
  const all = await world(t);
  const tree = [folder('/etc'), file('/etc/motd', 'hello')];
  await all.store('base', tree);
  const { text } = await all.ask('GET', '/fileset/base/archive');
  t.deepEqual(await readTree(Buffer.from(text, 'latin1')), tree);
});

test('explain names the sets of a node, where they come from, what is left out, and which file hides which', async t => {
  const all = await world(t);
  await all.store('hosts', [folder('/etc'), file('/etc/hosts', 'a'), file('/etc/motd', 'a')]);
  await all.store('site', [folder('/etc'), file('/etc/motd.tmpl', 'b')]);
  await all.store('motd', [file('/etc/motd', 'c')]);
  await all.ask('POST', '/attribs', { name: 'all', attributes: { _file_sets: 'hosts,motd' } });
  await all.ask('POST', '/nodes', {
    mac: '52:54:00:00:00:01',
    groups: 'all',
    attributes: { _file_sets: 'site,-motd' },
  });
  const [node] = (await all.ask('GET', '/nodes/explain?id=n0')).json.data as Explained[];
  t.deepEqual(node?.file_sets, {
    sets: [
      { name: 'hosts', source: 'group all' },
      { name: 'site', source: 'node n0' },
    ],
    left_out: [{ name: 'motd', source: 'group all', by: 'node n0' }],
    hidden: [{ path: '/etc/motd', by: 'site', sets: ['hosts'] }],
  });
  t.deepEqual(node?.words.slice(-3), [
    'Its file sets are, in this order: hosts (group all), site (node n0).',
    'The file set motd of group all is left out by node n0.',
    '/etc/motd of site hides that of hosts.',
  ]);
});
