// The limit of the audit trail: the oldest lines are removed when it has become too big.
import type { SqliteConnection } from './sqlite.ts';

const SIZE = 'length(who) + length(what) + length(objects)';

/** Returns the size of the trail, in characters of its texts. */
export async function auditSize(database: SqliteConnection): Promise<number> {
  const [row] = await database.all(`SELECT total(${SIZE}) AS size FROM changes`);
  return Number(row?.['size'] ?? 0);
}

/**
 * Removes the oldest lines until nine tenths of the limit are left, so that it happens rarely. The newest line always stays: the
 * next one gets its number from it.
 */
export async function pruneAudit(database: SqliteConnection, limit: number): Promise<void> {
  await database.run(
    `DELETE FROM changes WHERE sequence < (SELECT max(sequence) FROM changes) AND sequence <= (
       SELECT max(sequence) FROM (SELECT sequence, sum(${SIZE}) OVER (ORDER BY sequence DESC) AS newer FROM changes) WHERE newer > ?)`,
    0.9 * limit,
  );
}
