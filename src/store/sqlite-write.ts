// The statements of one transaction: commits with their lines of the audit trail, boots, leases.
import { auditSize, pruneAudit } from './audit-trail.ts';
import type { SqliteConnection } from './sqlite.ts';
import type { FeedEntry, StoredBoot, StoredLease } from './store.ts';
import type { Vault } from './vault.ts';

export interface Batch {
  entries: readonly FeedEntry[];
  boots: readonly StoredBoot[];
  /** Ids of deleted boots. */
  dropped: readonly string[];
  leases: readonly StoredLease[];
}

export interface AuditLimits {
  /** Current characters of the audit trail. */
  size: number;
  /** The most characters it may have. */
  limit: number;
}

/** Writes all or nothing, and returns the characters of the audit trail afterwards. */
export async function writeBatch(
  database: SqliteConnection,
  batch: Batch,
  audit: AuditLimits,
  vault?: Vault,
): Promise<number> {
  let { size } = audit;
  await database.exec('BEGIN IMMEDIATE');
  try {
    for (const entry of batch.entries) size += await writeEntry(database, entry, vault);
    if (size > audit.limit) {
      await pruneAudit(database, audit.limit);
      size = await auditSize(database);
    }
    await writeBoots(database, batch);
    if (batch.leases.length > 0)
      await database.run(
        `INSERT OR REPLACE INTO leases (ip, body) SELECT value->>'ip', value->>'body' FROM json_each(?)`,
        JSON.stringify(batch.leases),
      );
    await database.exec('COMMIT');
    return size;
  } catch (error) {
    await database.exec('ROLLBACK').catch(() => {});
    throw error;
  }
}

/** Replaces the values of objects, without a new revision. */
export async function replaceValues(
  database: SqliteConnection,
  values: readonly { uid: string; value: string }[],
): Promise<void> {
  await database.run(
    `UPDATE objects SET value = changed.value->>'value' FROM json_each(?) AS changed WHERE uid = changed.value->>'uid'`,
    JSON.stringify(values),
  );
}

async function writeBoots(database: SqliteConnection, { boots, dropped }: Batch): Promise<void> {
  if (boots.length > 0)
    await database.run(
      `INSERT OR REPLACE INTO boots (id, node, started, body)
       SELECT value->>'id', value->>'node', value->>'started', value->>'body' FROM json_each(?)`,
      JSON.stringify(boots),
    );
  if (dropped.length > 0)
    await database.run('DELETE FROM boots WHERE id IN (SELECT value FROM json_each(?))', JSON.stringify(dropped));
}

/** Returns the characters that it adds to the audit trail. */
async function writeEntry(database: SqliteConnection, entry: FeedEntry, vault?: Vault): Promise<number> {
  const kept = entry.effects.flatMap(({ entry: object }) => {
    if (!object) return [];
    const value = vault?.seal(object.kind, object.value) ?? object.value;
    return [{ ...object, value: JSON.stringify(value) }];
  });
  const gone = entry.effects.filter(effect => !effect.entry).map(effect => effect.uid);
  const changed = entry.effects.map(effect => ({
    kind: effect.kind,
    uid: effect.uid,
    name: effect.entry?.value.name ?? effect.name ?? '',
  }));
  // One statement for any number of objects: SQLite unpacks the list itself.
  await database.run(
    `INSERT INTO objects (uid, kind, revision, created, modified, value)
     SELECT value->>'uid', value->>'kind', value->>'revision', value->>'created', value->>'modified', value->>'value'
     FROM json_each(?) WHERE true
     ON CONFLICT (uid) DO UPDATE SET revision = excluded.revision, modified = excluded.modified, value = excluded.value`,
    JSON.stringify(kept),
  );
  await database.run('DELETE FROM objects WHERE uid IN (SELECT value FROM json_each(?))', JSON.stringify(gone));
  const { sequence, at, who, what } = entry;
  const objects = JSON.stringify([...changed, ...(entry.about ?? [])]);
  await database.run(
    'INSERT INTO changes (sequence, at, who, what, objects) VALUES (?, ?, ?, ?, ?)',
    ...[sequence, at, who, what, objects],
  );
  return who.length + what.length + objects.length;
}
