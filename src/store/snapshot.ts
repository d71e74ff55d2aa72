// A database seen from outside its daemon: a consistent copy, its contents, and whether it is intact.
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFile } from '../durable/folders.ts';
import { MusterError } from '../errors.ts';
import type { Kind, Value } from '../model/kinds.ts';
import { SqliteConnection } from './sqlite.ts';
import { migrate, SCHEMA_VERSION, versionOf } from './sqlite-schema.ts';
import { DATABASE } from './state-folder.ts';

export { SCHEMA_VERSION };

/** Writes a copy of the current database to `file`. Other connections and processes may write at the same time. */
export async function snapshotDatabase(stateFolder: string, file: string): Promise<void> {
  await withDatabase(join(stateFolder, DATABASE), async database => {
    await database.exec('PRAGMA busy_timeout=5000;');
    await database.run('VACUUM INTO ?', file);
  });
  await chmod(file, 0o600);
}

export interface Contents {
  objects: { kind: Kind; value: Value }[];
  /** Boots as JSON; see `boot/boots`. */
  boots: string[];
}

/** Reads the objects and boots of a database that no daemon has open. */
export async function readContents(file: string): Promise<Contents> {
  return withDatabase(file, async database => {
    const objects = await database.all('SELECT kind, value FROM objects ORDER BY created, rowid');
    const boots = await database.all('SELECT body FROM boots');
    return {
      objects: objects.map(({ kind, value }) => ({ kind: kind as Kind, value: JSON.parse(String(value)) as Value })),
      boots: boots.map(({ body }) => String(body)),
    };
  });
}

export async function schemaVersion(file: string): Promise<number> {
  return withDatabase(file, versionOf);
}

/**
 * Checks that a database is intact and can be brought to this version; throws `bad-backup` or `store-newer` if not. Converts it,
 * and writes it to disk.
 */
export async function checkDatabase(file: string): Promise<void> {
  await withDatabase(file, async database => {
    const rows = await database
      .all('PRAGMA integrity_check')
      .catch((error: Error) => [{ integrity_check: error.message }]);
    const [verdict] = rows.map(row => String(row['integrity_check']));
    if (verdict !== 'ok') throw new MusterError('bad-backup', `The database in the backup is damaged: ${verdict}`);
    await migrate(database);
  });
  await syncFile(file);
}

async function withDatabase<T>(file: string, work: (database: SqliteConnection) => Promise<T>): Promise<T> {
  const database = await SqliteConnection.open(file);
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}
