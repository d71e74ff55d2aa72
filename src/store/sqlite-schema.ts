// The tables, and the steps from one version of them to the next.
import { MusterError } from '../errors.ts';
import type { Row, SqliteConnection } from './sqlite.ts';
import type { AuditLine } from './store.ts';

/** Each step is run once, in order; their number is the version. Never change one that was released: add one. */
const STEPS: readonly string[] = [
  `CREATE TABLE objects (
     uid TEXT PRIMARY KEY, kind TEXT NOT NULL, revision INTEGER NOT NULL,
     created INTEGER NOT NULL, modified INTEGER NOT NULL, value TEXT NOT NULL);
   CREATE TABLE changes (
     sequence INTEGER PRIMARY KEY, at INTEGER NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL, objects TEXT NOT NULL);
   CREATE TABLE boots (id TEXT PRIMARY KEY, node TEXT NOT NULL, started INTEGER NOT NULL, body TEXT NOT NULL);
   CREATE INDEX boots_by_node ON boots (node, started);`,
];

/** Brings the database to this version; one of a newer muster is refused (`store-newer`). */
export async function migrate(database: SqliteConnection): Promise<void> {
  const [row] = await database.all('PRAGMA user_version');
  const version = Number(row?.['user_version'] ?? 0);
  if (version > STEPS.length) {
    throw new MusterError(
      'store-newer',
      `The database is of version ${version}, this muster knows up to ${STEPS.length}. Install the newer muster again, or restore a backup.`,
    );
  }
  for (const [index, step] of STEPS.entries()) {
    if (index < version) continue;
    await database.exec(`BEGIN; ${step} PRAGMA user_version = ${index + 1}; COMMIT;`);
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
