import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { MusterError } from '../../src/errors.ts';
import type { Change } from '../../src/model/changes.ts';
import { Cluster } from '../../src/model/cluster.ts';
import { KINDS, type Value } from '../../src/model/kinds.ts';
import { SqliteConnection } from '../../src/store/sqlite.ts';
import { SCHEMA_VERSION } from '../../src/store/sqlite-schema.ts';
import { openSqliteStore } from '../../src/store/sqlite-store.ts';
import type { FeedEntry, Store } from '../../src/store/store.ts';
import { requireAll } from '../support/require.ts';
import { smallFileSystem, temporaryFolder } from './folder.ts';

const uidOf = (name: string): string => createHash('md5').update(name).digest('hex');

function group(name: string, expected: number, description = ''): Change {
  const value = KINDS.attrib.schema.parse({ name, description }) as Value;
  return { kind: 'attrib', uid: uidOf(name), expected, value };
}

const commit = (changes: Change[], what = 'test') => ({ who: 'tester', what, changes });

async function opened(t: ExecutionContext, folder = temporaryFolder(t)): Promise<Store> {
  let time = 1000;
  const store = await openSqliteStore(folder, { now: () => (time += 1) });
  t.teardown(async () => store.close().catch(() => {}));
  return store;
}

async function refused(t: ExecutionContext, work: Promise<unknown>, code: string, text: RegExp): Promise<void> {
  const error = await t.throwsAsync(work, { instanceOf: MusterError, message: text });
  t.is(error?.code, code as MusterError['code']);
}

test('committed objects survive reopening, with revisions and times', async t => {
  const folder = temporaryFolder(t);
  const store = await opened(t, folder);
  await store.commit(commit([group('a', 0), group('b', 0)]));
  await store.commit(commit([group('a', 1, 'changed')]));
  await store.commit(commit([{ kind: 'attrib', uid: uidOf('b'), expected: 1, value: null, name: 'b' }]));
  const before = await store.load();
  await store.close();
  const again = await opened(t, folder);
  t.deepEqual(await again.load(), before);
  t.is(before.sequence, 3);
  t.like(before.entries[0], { uid: uidOf('a'), revision: 2, created: 1001, modified: 1002 });
  t.is(before.entries.length, 1);
});

test('a change of an outdated revision rejects the whole commit', async t => {
  const store = await opened(t);
  await store.commit(commit([group('a', 0)]));
  const text = /^a was changed by somebody else meanwhile; read it again and repeat\.$/;
  await refused(t, store.commit(commit([group('b', 0), group('a', 0)])), 'conflict', text);
  await refused(t, store.commit(commit([group('a', 7)])), 'conflict', text);
  const deletion = { kind: 'attrib' as const, uid: uidOf('gone'), expected: 1, value: null, name: 'gone' };
  await refused(t, store.commit(commit([deletion])), 'conflict', /was changed by somebody else/);
  t.deepEqual(
    (await store.load()).entries.map(entry => entry.value.name),
    ['a'],
  );
});

test('of many writers of one revision exactly one wins', async t => {
  const store = await opened(t);
  await store.commit(commit([group('a', 0)]));
  const results = await Promise.allSettled(
    Array.from({ length: 20 }, async (_, index) => store.commit(commit([group('a', 1, `writer ${index}`)]))),
  );
  t.is(results.filter(result => result.status === 'fulfilled').length, 1);
  t.is((await store.load()).entries[0]?.revision, 2);
});

test('the feed delivers each commit once, in order, before its writer continues; a new reader gets the same state', async t => {
  const store = await opened(t);
  const cluster = new Cluster();
  const told: FeedEntry[] = [];
  const stop = store.subscribe(entry => {
    cluster.apply(entry.sequence, entry.effects);
    told.push(entry);
  });
  await Promise.all(
    Array.from({ length: 50 }, async (_, index) => {
      const entry = await store.commit(commit([group(`g${index}`, 0)], `make ${index}`));
      t.true(told.includes(entry), 'told before the commit resolves');
    }),
  );
  t.deepEqual(
    told.map(entry => entry.sequence),
    Array.from({ length: 50 }, (_, index) => index + 1),
  );
  const { entries } = await store.load();
  const byUid = (left: { uid: string }, right: { uid: string }): number => (left.uid < right.uid ? -1 : 1);
  t.deepEqual([...cluster.all('attrib')].sort(byUid), [...entries].sort(byUid));
  stop();
  await store.commit(commit([group('later', 0)]));
  t.is(told.length, 50);
});

test('waiting commits are written in one transaction', async t => {
  const folder = temporaryFolder(t);
  const store = await opened(t, folder);
  const reader = await SqliteConnection.open(join(folder, 'muster.db'));
  t.teardown(async () => reader.close());
  const first = store.commit(commit([group('first', 0)]));
  const rest = Array.from({ length: 30 }, async (_, index) => store.commit(commit([group(`g${index}`, 0)])));
  const counts = new Set<number>();
  const count = async (): Promise<number> =>
    Number((await reader.all('SELECT count(*) AS count FROM objects'))[0]?.['count']);
  await first;
  let all = false;
  void Promise.all(rest).then(() => {
    all = true;
  });
  do counts.add(await count());
  while (!all);
  counts.add(await count());
  // The first may be seen alone, or the others have come by then.
  counts.delete(1);
  t.deepEqual([...counts], [31], 'another process sees the first, or all');
});

test('the audit trail: newest last, limited, by object', async t => {
  const store = await opened(t);
  await store.commit(commit([group('a', 0)], 'create a'));
  await store.commit(commit([group('b', 0)], 'create b'));
  await store.commit(commit([group('a', 1, 'x')], 'update a'));
  const whats = async (filter: Parameters<Store['audit']>[0]) => (await store.audit(filter)).map(line => line.what);
  t.deepEqual(await whats({ limit: 10 }), ['create a', 'create b', 'update a']);
  t.deepEqual(await whats({ limit: 2 }), ['create b', 'update a']);
  t.deepEqual(await whats({ limit: 10, after: 2 }), ['update a']);
  t.deepEqual(await whats({ limit: 10, uid: uidOf('a') }), ['create a', 'update a']);
  const a = { kind: 'attrib', uid: uidOf('a'), name: 'a' } as const;
  t.deepEqual((await store.audit({ limit: 1 }))[0]?.objects, [a]);
  await store.commit(commit([{ ...a, expected: 2, value: null }], 'delete a'));
  t.deepEqual((await store.audit({ limit: 1 }))[0]?.objects, [a], 'a deleted object has a name too');
});

test('the audit trail has a size limit: the oldest lines go, and numbers continue after a restart', async t => {
  const folder = temporaryFolder(t);
  const store = await openSqliteStore(folder, { auditLimit: 5000 });
  const line = async (number: number): Promise<unknown> => {
    const old = (await store.load()).entries.length;
    return store.commit(commit([group(`g${number}`, 0)], `create ${number} of ${old} ${'x'.repeat(100)}`));
  };
  for (let number = 1; number <= 100; number += 1) await line(number);
  const lines = await store.audit({ limit: 1000 });
  const size = lines.reduce((sum, { who, what, objects }) => sum + `${who}${what}${JSON.stringify(objects)}`.length, 0);
  t.true(size <= 5300 && size > 4000, `${size}`);
  t.is(lines.at(-1)?.sequence, 100);
  t.is(lines[0]?.sequence, 101 - lines.length, 'none is missing in between');
  await store.close();
  // A limit that is less than one line leaves the newest, from which the next gets its number.
  const again = await openSqliteStore(folder, { auditLimit: 1 });
  t.teardown(async () => again.close());
  t.is((await again.commit(commit([group('last', 0)]))).sequence, 101);
  t.deepEqual(
    (await again.audit({ limit: 10 })).map(({ sequence }) => sequence),
    [101],
  );
});

test('boots are kept whole, replaced by their id, and dropped', async t => {
  const folder = temporaryFolder(t);
  const store = await opened(t, folder);
  const boot = (id: string, started: number, body = '{}') => ({ id, node: 'n', started, body });
  await store.saveBoots([boot('b', 2), boot('a', 1)]);
  await store.saveBoots([boot('a', 1, '{"more":1}'), boot('c', 3)]);
  await store.dropBoots(['b']);
  await store.close();
  const again = await opened(t, folder);
  t.deepEqual(await again.loadBoots(), [boot('a', 1, '{"more":1}'), boot('c', 3)]);
});

test('a second daemon on the same state is refused until the first has ended', async t => {
  const folder = temporaryFolder(t);
  const first = await opened(t, folder);
  const text = /lock\.db is held: another musterd runs on this state folder\. Stop it first\.$/;
  await refused(t, openSqliteStore(folder), 'store-failed', text);
  await first.close();
  await t.notThrowsAsync(opened(t, folder));
});

test('a database of a newer muster is refused, and not kept open', async t => {
  const folder = temporaryFolder(t);
  await (await opened(t, folder)).close();
  const database = await SqliteConnection.open(join(folder, 'muster.db'));
  await database.exec('PRAGMA user_version = 99');
  const text =
    /^The database is of version 99, this muster knows up to \d+\. Install the newer muster again, or restore a backup\.$/;
  await refused(t, openSqliteStore(folder), 'store-newer', text);
  await database.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
  await database.close();
  await t.notThrowsAsync(opened(t, folder), 'neither the lock nor the database was kept');
});

test('a file that is no database is an error with its name', async t => {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'muster.db'));
  await refused(t, openSqliteStore(folder), 'store-failed', /muster\.db: the database cannot be opened/);
});

test('no other user can read the state folder', async t => {
  const folder = temporaryFolder(t);
  chmodSync(folder, 0o755);
  await opened(t, folder);
  t.is(statSync(folder).mode & 0o777, 0o700);
});

test('on a full disk a commit fails and changes nothing, and the next one that fits succeeds', async t => {
  if (!requireAll(t, { root: true, programs: ['mount', 'umount'] })) return;
  const folder = await smallFileSystem(t, 2);
  const store = await opened(t, folder);
  const cluster = new Cluster();
  store.subscribe(entry => cluster.apply(entry.sequence, entry.effects));
  await store.commit(commit([group('a', 0)]));
  const large = Array.from({ length: 1000 }, (_, index) => group(`g${index}`, 0, 'x'.repeat(4000)));
  const error = await t.throwsAsync(store.commit(commit(large)), { instanceOf: MusterError });
  t.is(error?.code, 'disk-full');
  t.is(error?.message, 'The head has no room for its database.');
  t.is(cluster.count('attrib'), 1);
  t.is((await store.load()).entries.length, 1);
  await store.commit(commit([group('a', 1, 'still works')]));
  t.is((await store.load()).sequence, 2);
});

test('a closed store refuses commits', async t => {
  const store = await opened(t);
  await store.close();
  await refused(t, store.commit(commit([group('a', 0)])), 'store-failed', /^The database failed: /);
});
