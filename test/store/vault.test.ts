// Secret fields in the database file: not there in the clear, and in memory as they were given.
import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { KINDS, type Kind, type Value } from '../../src/model/kinds.ts';
import { Sealing } from '../../src/sealing.ts';
import { openSqliteStore } from '../../src/store/sqlite-store.ts';
import { Vault } from '../../src/store/vault.ts';
import { temporaryFolder } from './folder.ts';

const uid = (name: string): string => createHash('md5').update(name).digest('hex');

const OBJECTS: { kind: Kind; value: Value }[] = [
  {
    kind: 'node',
    value: KINDS.node.schema.parse({
      name: 'n0',
      mac: '52:54:00:00:00:01',
      index: 0,
      ip: '10.54.0.100',
      power_uri: 'ipmi:///admin:hunter2hunter2@10.0.0.1',
      attributes: { root_password: 'open-sesame-1', rack: 'plain-rack-7', bmcword: 'by-template-3' },
    }),
  },
  {
    kind: 'attrib',
    value: KINDS.attrib.schema.parse({ name: 'g', attributes: { api_token: 'open-sesame-2', note: '' } }),
  },
  {
    kind: 'repo',
    value: KINDS.repo.schema.parse({
      name: 'r',
      urls: ['https://user:open-sesame-3@mirror/x', 'https://mirror/plain-url'],
    }),
  },
];
const SECRETS = ['hunter2hunter2', 'open-sesame-1', 'open-sesame-2', 'open-sesame-3', 'by-template-3'];

/** Everything in the folder of a store, as text. */
function bytesOf(folder: string): string {
  return readdirSync(folder)
    .map(name => readFileSync(join(folder, name), 'latin1'))
    .join('\n');
}

function vaultOf(key: Buffer, unopened: string[] = []): Vault {
  return new Vault({
    sealing: new Sealing(key, 'field'),
    unopened: what => void unopened.push(what),
    isSecretAttribute: name => name === 'bmcword',
  });
}

const commit = {
  who: 'tester',
  what: 'test',
  changes: OBJECTS.map(({ kind, value }) => ({ kind, uid: uid(value.name), expected: 0, value })),
};

test('no secret is in the files of the database; all are there after reopening', async t => {
  const folder = temporaryFolder(t);
  const key = randomBytes(32);
  const store = await openSqliteStore(folder, { vault: async () => vaultOf(key) });
  const feed: unknown[] = [];
  store.subscribe(({ effects }) => void feed.push(...effects.map(({ entry }) => entry?.value)));
  await store.commit(commit);
  const bytes = bytesOf(folder);
  for (const secret of SECRETS) t.false(bytes.includes(secret), secret);
  for (const plain of ['plain-rack-7', 'https://mirror/plain-url']) t.true(bytes.includes(plain), plain);
  const values = OBJECTS.map(({ value }) => value);
  t.deepEqual(feed, values as unknown[]);
  await store.close();
  const again = await openSqliteStore(folder, { vault: async () => vaultOf(key) });
  t.teardown(async () => again.close());
  t.deepEqual(
    (await again.load()).entries.map(({ value }) => value),
    values,
  );
});

test('what an older muster stored in the clear is encrypted when the database opens', async t => {
  const folder = temporaryFolder(t);
  const key = randomBytes(32);
  const old = await openSqliteStore(folder);
  await old.commit(commit);
  t.true(SECRETS.every(secret => bytesOf(folder).includes(secret)));
  await old.close();
  const store = await openSqliteStore(folder, { vault: async () => vaultOf(key) });
  t.deepEqual(
    (await store.load()).entries.map(({ value, revision }) => [value, revision]),
    OBJECTS.map(({ value }) => [value, 1]),
  );
  await store.close();
  const bytes = bytesOf(folder);
  for (const secret of SECRETS) t.false(bytes.includes(secret), secret);
});

test('with another key the values are named, stay in the database, and open again with the right key', async t => {
  const folder = temporaryFolder(t);
  const key = randomBytes(32);
  const first = await openSqliteStore(folder, { vault: async () => vaultOf(key) });
  await first.commit(commit);
  await first.close();
  const unopened: string[] = [];
  const second = await openSqliteStore(folder, { vault: async () => vaultOf(randomBytes(32), unopened) });
  const { entries } = await second.load();
  t.deepEqual(unopened, [
    'attribute root_password of node n0',
    'attribute bmcword of node n0',
    'power_uri of node n0',
    'attribute api_token of attrib g',
    'urls of repo r',
  ]);
  // An administrator changes something else of the node
  const [node] = entries;
  if (!node) return t.fail();
  const value = { ...node.value, description: 'changed' } as Value;
  await second.commit({ ...commit, changes: [{ kind: 'node', uid: node.uid, expected: 1, value }] });
  await second.close();
  const third = await openSqliteStore(folder, { vault: async () => vaultOf(key) });
  t.teardown(async () => third.close());
  t.deepEqual((await third.load()).entries[0]?.value, { ...OBJECTS[0]?.value, description: 'changed' } as Value);
});
