// A state folder seen from outside its daemon: a consistent copy of the database, what it names, and the lock.
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { MusterError } from '../errors.ts';
import { filesOf, type Kind } from '../model/kinds.ts';
import { SqliteConnection } from './sqlite.ts';
import { migrate, SCHEMA_VERSION, versionOf } from './sqlite-schema.ts';
import { tryLock } from './sqlite-store.ts';

export { SCHEMA_VERSION };

/** Writes a copy of the database as it is now to `file`. Other connections, and other processes, go on writing meanwhile. */
export async function snapshotDatabase(stateFolder: string, file: string): Promise<void> {
  await withDatabase(join(stateFolder, 'muster.db'), async database => {
    await database.exec('PRAGMA busy_timeout=5000;');
    await database.run('VACUUM INTO ?', file);
  });
  await chmod(file, 0o600);
}

/**
 * Returns the digests of stored files that a database names: those its objects need, by the marks in the table of kinds, and those of the
 * plans of boots, which may be gone.
 */
export async function digestsNamed(file: string): Promise<{ objects: Set<string>; boots: Set<string> }> {
  return withDatabase(file, async database => {
    const objects = await database.all('SELECT kind, value FROM objects');
    const boots = await database.all(
      `SELECT DISTINCT tree.value AS digest FROM boots, json_tree(boots.body, '$.plan') AS tree
       WHERE tree.key = 'blob' AND tree.type = 'text' AND length(tree.value) = 64`,
    );
    return {
      objects: new Set(objects.flatMap(row => filesOf(String(row['kind']) as Kind, JSON.parse(String(row['value']))))),
      boots: new Set(boots.map(({ digest }) => String(digest))),
    };
  });
}

export async function schemaVersion(file: string): Promise<number> {
  return withDatabase(file, versionOf);
}

/** Whether a database is whole, and can be brought to this version: `bad-backup` or `store-newer` if not. Brings it there. */
export async function checkDatabase(file: string): Promise<void> {
  await withDatabase(file, async database => {
    const rows = await database
      .all('PRAGMA integrity_check')
      .catch((error: Error) => [{ integrity_check: error.message }]);
    const [verdict] = rows.map(row => String(row['integrity_check']));
    if (verdict !== 'ok') throw new MusterError('bad-backup', `The database in the backup is damaged: ${verdict}`);
    await migrate(database);
  });
}

/** Keeps a daemon from starting on the folder; undefined when one runs. */
export async function lockState(stateFolder: string): Promise<(() => Promise<void>) | undefined> {
  const lock = await tryLock(join(stateFolder, 'lock.db'));
  return lock && (async () => lock.close());
}

async function withDatabase<T>(file: string, work: (database: SqliteConnection) => Promise<T>): Promise<T> {
  const database = await SqliteConnection.open(file);
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}
