// The embedded store: SQLite in WAL mode with full synchronous writes. Whatever waits is written in one transaction.
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { MusterError, reasonOf } from '../errors.ts';
import type { Change } from '../model/changes.ts';
import type { Effect, Entry } from '../model/cluster.ts';
import type { Kind, Value } from '../model/kinds.ts';
import { auditSize, pruneAudit } from './audit-trail.ts';
import { type Row, SqliteConnection } from './sqlite.ts';
import { auditLine, migrate } from './sqlite-schema.ts';
import type { AuditLine, Commit, FeedEntry, Store, StoredBoot, StoredLease } from './store.ts';

interface Waiting {
  commit?: Commit;
  boots?: readonly StoredBoot[];
  drop?: readonly string[];
  leases?: readonly StoredLease[];
  resolve(entry: FeedEntry | undefined): void;
  reject(error: unknown): void;
}

export interface StoreOptions {
  now?: () => number;
  /** How big the audit trail may become, in characters; the oldest lines go first. */
  auditLimit?: number;
}

/** A transaction that was very big leaves a journal of at most this many bytes behind. */
const JOURNAL_BYTES = 16 << 20;

/** Opens the database below `folder`, which is made with mode 0700. A second musterd on the same folder is refused. */
export async function openSqliteStore(folder: string, options: StoreOptions = {}): Promise<Store> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  const lock = await takeLock(join(folder, 'lock.db'));
  let database: SqliteConnection | undefined;
  try {
    database = await SqliteConnection.open(join(folder, 'muster.db'));
    await database.exec(
      `PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=5000; PRAGMA journal_size_limit=${JOURNAL_BYTES};`,
    );
    await migrate(database);
    return await SqliteStore.start(database, lock, options);
  } catch (error) {
    await database?.close();
    await lock.close();
    throw error;
  }
}

async function takeLock(file: string): Promise<SqliteConnection> {
  const lock = await tryLock(file);
  if (lock) return lock;
  throw new MusterError('store-failed', `${file} is held: another musterd runs on this state folder. Stop it first.`);
}

/**
 * An exclusive transaction on a file of its own: the kernel ends it with the process, however that dies. Undefined when another
 * process has it.
 */
export async function tryLock(file: string): Promise<SqliteConnection | undefined> {
  const lock = await SqliteConnection.open(file);
  try {
    await lock.exec('PRAGMA busy_timeout=0; BEGIN EXCLUSIVE;');
    return lock;
  } catch (error) {
    await lock.close();
    if (/SQLITE_BUSY/.test(reasonOf(error))) return undefined;
    throw error;
  }
}

class SqliteStore implements Store {
  private readonly database: SqliteConnection;
  private readonly lock: SqliteConnection;
  private readonly now: () => number;
  private readonly auditLimit: number;
  private auditSize = 0;
  private readonly revisions: Map<string, { revision: number; created: number }>;
  private readonly listeners = new Set<(entry: FeedEntry) => void>();
  private sequence: number;
  private waiting: Waiting[] = [];
  private writing: Promise<void> | undefined;

  private constructor(
    database: SqliteConnection,
    lock: SqliteConnection,
    { now = Date.now, auditLimit = Number.POSITIVE_INFINITY }: StoreOptions,
    sequence: number,
    rows: readonly Row[],
  ) {
    this.database = database;
    this.lock = lock;
    this.now = now;
    this.auditLimit = auditLimit;
    this.sequence = sequence;
    this.revisions = new Map(
      rows.map(row => [String(row['uid']), { revision: Number(row['revision']), created: Number(row['created']) }]),
    );
  }

  static async start(database: SqliteConnection, lock: SqliteConnection, options: StoreOptions): Promise<SqliteStore> {
    const [last] = await database.all('SELECT max(sequence) AS sequence FROM changes');
    const rows = await database.all('SELECT uid, revision, created FROM objects');
    const store = new SqliteStore(database, lock, options, Number(last?.['sequence'] ?? 0), rows);
    store.auditSize = await auditSize(database);
    return store;
  }

  async load(): Promise<{ sequence: number; entries: Entry[] }> {
    const rows = await this.database.all('SELECT * FROM objects ORDER BY created, rowid');
    const entries = rows.map(
      (row): Entry => ({
        kind: row['kind'] as Kind,
        uid: String(row['uid']),
        revision: Number(row['revision']),
        created: Number(row['created']),
        modified: Number(row['modified']),
        value: JSON.parse(String(row['value'])) as Value,
      }),
    );
    return { sequence: this.sequence, entries };
  }

  async commit(commit: Commit): Promise<FeedEntry> {
    const entry = await this.enqueue({ commit });
    if (!entry) throw new MusterError('internal', 'a commit came back without its feed entry');
    return entry;
  }

  async saveBoots(boots: readonly StoredBoot[]): Promise<void> {
    await this.enqueue({ boots });
  }

  async dropBoots(ids: readonly string[]): Promise<void> {
    await this.enqueue({ drop: ids });
  }

  async saveLeases(leases: readonly StoredLease[]): Promise<void> {
    await this.enqueue({ leases });
  }

  async loadLeases(): Promise<StoredLease[]> {
    const rows = await this.database.all('SELECT ip, body FROM leases');
    return rows.map(row => ({ ip: String(row['ip']), body: String(row['body']) }));
  }

  async loadBoots(): Promise<StoredBoot[]> {
    const rows = await this.database.all('SELECT id, node, started, body FROM boots ORDER BY started');
    return rows.map(row => ({
      id: String(row['id']),
      node: String(row['node']),
      started: Number(row['started']),
      body: String(row['body']),
    }));
  }

  subscribe(listener: (entry: FeedEntry) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  async audit(filter: { after?: number; limit: number; uid?: string }): Promise<AuditLine[]> {
    const rows = await this.database.all(
      `SELECT sequence, at, who, what, objects FROM changes
       WHERE sequence > ? AND (? = '' OR instr(objects, ?) > 0) ORDER BY sequence DESC LIMIT ?`,
      filter.after ?? 0,
      filter.uid ?? '',
      filter.uid ?? '',
      filter.limit,
    );
    return rows.map(auditLine).reverse();
  }

  async close(): Promise<void> {
    await this.writing;
    await this.database.close();
    await this.lock.close();
  }

  private async enqueue(job: Omit<Waiting, 'resolve' | 'reject'>): Promise<FeedEntry | undefined> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ ...job, resolve, reject });
      this.writing ??= this.writeAll();
    });
  }

  /** Group commit: all that waits goes into one transaction, and one fsync serves them all. */
  private async writeAll(): Promise<void> {
    while (this.waiting.length > 0) {
      const jobs = this.waiting;
      this.waiting = [];
      await this.writeTogether(jobs);
    }
    this.writing = undefined;
  }

  private async writeTogether(jobs: readonly Waiting[]): Promise<void> {
    const before = this.sequence;
    const undo = new Map<string, { revision: number; created: number } | undefined>();
    const done: { job: Waiting; entry: FeedEntry | undefined }[] = [];
    for (const job of jobs) {
      try {
        done.push({ job, entry: job.commit ? this.prepare(job.commit, undo) : undefined });
      } catch (error) {
        job.reject(error);
      }
    }
    try {
      await this.write(done);
    } catch (error) {
      this.sequence = before;
      for (const [uid, old] of undo) old ? this.revisions.set(uid, old) : this.revisions.delete(uid);
      for (const { job } of done) job.reject(error);
      return;
    }
    for (const { job, entry } of done) {
      if (entry) for (const listener of this.listeners) tell(listener, entry);
      job.resolve(entry);
    }
  }

  /** Compare-and-set in memory; the transaction behind it writes what passed. */
  private prepare(commit: Commit, undo: Map<string, { revision: number; created: number } | undefined>): FeedEntry {
    for (const change of commit.changes) {
      const revision = this.revisions.get(change.uid)?.revision ?? 0;
      if (revision !== change.expected) {
        throw new MusterError(
          'conflict',
          `${change.value?.name ?? change.uid} was changed by somebody else meanwhile; read it again and repeat.`,
        );
      }
    }
    const at = this.now();
    const effects = commit.changes.map(change => this.effect(change, at, undo));
    this.sequence += 1;
    const { who, what, about } = commit;
    return { sequence: this.sequence, at, who, what, effects, ...(about && { about }) };
  }

  private effect(
    change: Change,
    at: number,
    undo: Map<string, { revision: number; created: number } | undefined>,
  ): Effect {
    const old = this.revisions.get(change.uid);
    if (!undo.has(change.uid)) undo.set(change.uid, old);
    if (!change.value) {
      this.revisions.delete(change.uid);
      return { kind: change.kind, uid: change.uid, entry: null };
    }
    const head = { revision: change.expected + 1, created: old?.created ?? at };
    this.revisions.set(change.uid, head);
    return {
      kind: change.kind,
      uid: change.uid,
      entry: { kind: change.kind, uid: change.uid, ...head, modified: at, value: change.value },
    };
  }

  private async write(done: readonly { job: Waiting; entry: FeedEntry | undefined }[]): Promise<void> {
    const entries = done.flatMap(({ entry }) => (entry ? [entry] : []));
    const boots = done.flatMap(({ job }) => job.boots ?? []);
    const dropped = done.flatMap(({ job }) => job.drop ?? []);
    const leases = done.flatMap(({ job }) => job.leases ?? []);
    await this.database.exec('BEGIN IMMEDIATE');
    try {
      for (const entry of entries) await this.writeEntry(entry);
      if (this.auditSize > this.auditLimit) {
        await pruneAudit(this.database, this.auditLimit);
        this.auditSize = await auditSize(this.database);
      }
      if (boots.length > 0) {
        await this.database.run(
          `INSERT OR REPLACE INTO boots (id, node, started, body)
           SELECT value->>'id', value->>'node', value->>'started', value->>'body' FROM json_each(?)`,
          JSON.stringify(boots),
        );
      }
      if (dropped.length > 0)
        await this.database.run(
          'DELETE FROM boots WHERE id IN (SELECT value FROM json_each(?))',
          JSON.stringify(dropped),
        );
      if (leases.length > 0)
        await this.database.run(
          `INSERT OR REPLACE INTO leases (ip, body) SELECT value->>'ip', value->>'body' FROM json_each(?)`,
          JSON.stringify(leases),
        );
      await this.database.exec('COMMIT');
    } catch (error) {
      await this.database.exec('ROLLBACK').catch(() => {});
      throw error;
    }
  }

  private async writeEntry(entry: FeedEntry): Promise<void> {
    const kept = entry.effects.flatMap(effect =>
      effect.entry ? [{ ...effect.entry, value: JSON.stringify(effect.entry.value) }] : [],
    );
    const gone = entry.effects.filter(effect => !effect.entry).map(effect => effect.uid);
    const changed = entry.effects.map(effect => ({
      kind: effect.kind,
      uid: effect.uid,
      name: effect.entry?.value.name ?? '',
    }));
    const objects = [...changed, ...(entry.about ?? [])];
    // One statement for any number of objects: SQLite unpacks the list itself.
    await this.database.run(
      `INSERT INTO objects (uid, kind, revision, created, modified, value)
       SELECT value->>'uid', value->>'kind', value->>'revision', value->>'created', value->>'modified', value->>'value'
       FROM json_each(?) WHERE true
       ON CONFLICT (uid) DO UPDATE SET revision = excluded.revision, modified = excluded.modified, value = excluded.value`,
      JSON.stringify(kept),
    );
    await this.database.run('DELETE FROM objects WHERE uid IN (SELECT value FROM json_each(?))', JSON.stringify(gone));
    const { sequence, at, who, what } = entry;
    const about = JSON.stringify(objects);
    await this.database.run(
      'INSERT INTO changes (sequence, at, who, what, objects) VALUES (?, ?, ?, ?, ?)',
      ...[sequence, at, who, what, about],
    );
    this.auditSize += who.length + what.length + about.length;
  }
}

/** What is committed is committed: a listener that fails keeps neither the others nor the caller from hearing of it. */
function tell(listener: (entry: FeedEntry) => void, entry: FeedEntry): void {
  try {
    listener(entry);
  } catch (error) {
    // A listener that throws has objects in memory that are not those of the store: the process must end, not go on with them.
    queueMicrotask(() => {
      throw error;
    });
  }
}
