import { mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { MusterError } from '../../src/errors.ts';
import { openSqliteStore } from '../../src/store/sqlite-store.ts';
import { refusal } from '../../src/store/state-folder.ts';
import { temporaryFolder } from './folder.ts';

const EMPTY = { database: undefined, restoring: false, before: undefined, storedFiles: false };

test('a new folder gets a database, and one that has it keeps it', t => {
  t.is(refusal('/s', EMPTY), undefined);
  t.is(refusal('/s', { database: 4096, restoring: true, before: 'before-restore-1', storedFiles: true }), undefined);
});

test('an empty state is refused with a remedy where there was a head', t => {
  const text = (found: Partial<typeof EMPTY>): string => refusal('/s', { ...EMPTY, ...found } as typeof EMPTY) ?? '';
  t.regex(text({ restoring: true }), /^\/s has no database: a restore was interrupted\. Repeat muster restore/);
  t.regex(
    refusal('/s', { ...EMPTY, before: 'before-restore-1' }) ?? '',
    /from before a restore: \/s\/before-restore-1\./,
  );
  t.regex(text({ storedFiles: true }), /but stored files in blobs\. Run muster restore/);
  t.regex(refusal('/s', { ...EMPTY, database: 0, storedFiles: true }) ?? '', /has no database, but stored files/);
});

test('musterd does not start empty where its database is gone, or was emptied by a power cut', async t => {
  const folder = temporaryFolder(t);
  await (await openSqliteStore(folder)).close();
  mkdirSync(join(folder, 'blobs/ab'), { recursive: true });
  await t.notThrowsAsync(async () => (await openSqliteStore(folder)).close(), 'no stored file, no head');
  writeFileSync(join(folder, 'blobs/ab', 'ab'.repeat(32)), 'x');
  truncateSync(join(folder, 'muster.db'), 0);
  const refused = { instanceOf: MusterError, message: /has no database, but stored files in blobs/ };
  await t.throwsAsync(openSqliteStore(folder), refused);
  rmSync(join(folder, 'muster.db'));
  const error = await t.throwsAsync(openSqliteStore(folder), refused);
  t.is(error?.code, 'state-incomplete');
  rmSync(join(folder, 'blobs'), { recursive: true });
  await t.notThrowsAsync(async () => (await openSqliteStore(folder)).close());
});
