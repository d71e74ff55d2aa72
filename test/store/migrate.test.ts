import { join } from 'node:path';
import test from 'ava';
import { SqliteConnection } from '../../src/store/sqlite.ts';
import { migrate, SCHEMA_VERSION, versionOf } from '../../src/store/sqlite-schema.ts';
import { temporaryFolder } from './folder.ts';

const ONE = 'CREATE TABLE things (name TEXT);';
const TWO = "ALTER TABLE things ADD COLUMN size INTEGER NOT NULL DEFAULT 7; UPDATE things SET name = name || '!';";

async function database(t: Parameters<typeof temporaryFolder>[0]): Promise<SqliteConnection> {
  const opened = await SqliteConnection.open(join(temporaryFolder(t), 'm.db'));
  t.teardown(async () => opened.close());
  return opened;
}

test('a database is upgraded step by step and keeps its rows, and no step runs twice', async t => {
  const db = await database(t);
  await migrate(db, [ONE]);
  await db.run('INSERT INTO things (name) VALUES (?)', 'node');
  await migrate(db, [ONE, TWO]);
  await migrate(db, [ONE, TWO]);
  t.is(await versionOf(db), 2);
  t.deepEqual(await db.all('SELECT * FROM things'), [{ name: 'node!', size: 7 }]);
});

test('a failed step changes nothing, and the earlier version still opens the database', async t => {
  const db = await database(t);
  await migrate(db, [ONE]);
  await db.run('INSERT INTO things (name) VALUES (?)', 'node');
  await t.throwsAsync(migrate(db, [ONE, `${TWO} INSERT INTO nowhere VALUES (1);`]), {
    message: /no such table: nowhere/,
  });
  t.is(await versionOf(db), 1);
  t.deepEqual(await db.all('SELECT * FROM things'), [{ name: 'node' }]);
  await migrate(db, [ONE]);
});

test('an older version refuses a newer database', async t => {
  const db = await database(t);
  await migrate(db, [ONE, TWO]);
  await t.throwsAsync(migrate(db, [ONE]), {
    message: /is of version 2, this muster knows up to 1\. Install the newer muster/,
  });
});

test('a new database gets the version of this muster', async t => {
  const db = await database(t);
  await migrate(db);
  t.is(await versionOf(db), SCHEMA_VERSION);
});
