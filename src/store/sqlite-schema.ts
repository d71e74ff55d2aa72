// The tables, and the steps from one version of them to the next.
import { MusterError } from '../errors.ts';
import type { Row, SqliteConnection } from './sqlite.ts';
import type { AuditLine } from './store.ts';

/** Each step runs once, in order; their number is the version. Never change a released one: add one. */
const STEPS: readonly string[] = [
  `CREATE TABLE objects (
     uid TEXT PRIMARY KEY, kind TEXT NOT NULL, revision INTEGER NOT NULL,
     created INTEGER NOT NULL, modified INTEGER NOT NULL, value TEXT NOT NULL);
   CREATE TABLE changes (
     sequence INTEGER PRIMARY KEY, at INTEGER NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL, objects TEXT NOT NULL);
   CREATE TABLE boots (id TEXT PRIMARY KEY, node TEXT NOT NULL, started INTEGER NOT NULL, body TEXT NOT NULL);
   CREATE INDEX boots_by_node ON boots (node, started);`,
  'CREATE TABLE leases (ip TEXT PRIMARY KEY, body TEXT NOT NULL);',
];

/** The version that this muster writes. */
export const SCHEMA_VERSION = STEPS.length;

/** The version of a database; 0 for an empty one. */
export async function versionOf(database: SqliteConnection): Promise<number> {
  const [row] = await database.all('PRAGMA user_version');
  return Number(row?.['user_version'] ?? 0);
}

/**
 * Brings the database to this version; refuses one of a newer muster (`store-newer`). Each step happens completely or not at all,
 * so a failed one leaves a database that the previous muster can still open. `steps` are those of this muster except in tests.
 */
export async function migrate(database: SqliteConnection, steps: readonly string[] = STEPS): Promise<void> {
  const version = await versionOf(database);
  if (version > steps.length) {
    throw new MusterError(
      'store-newer',
      `The database is of version ${version}, this muster knows up to ${steps.length}. Install the newer muster again, or restore a backup.`,
    );
  }
  for (const [index, step] of steps.entries()) {
    if (index < version) continue;
    try {
      await database.exec(`BEGIN IMMEDIATE; ${step} PRAGMA user_version = ${index + 1}; COMMIT;`);
    } catch (error) {
      await database.exec('ROLLBACK').catch(() => {});
      throw error;
    }
  }
}

export function auditLine(row: Row): AuditLine {
  return {
    sequence: Number(row['sequence']),
    at: Number(row['at']),
    who: String(row['who']),
    what: String(row['what']),
    objects: JSON.parse(String(row['objects'])) as AuditLine['objects'],
  };
}
