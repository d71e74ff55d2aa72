// The embedded store: SQLite in WAL mode with full synchronous writes. Everything that waits is written in one transaction.
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from '../durable/folders.ts';
import { MusterError } from '../errors.ts';
import type { Entry } from '../model/cluster.ts';
import type { Kind, Value } from '../model/kinds.ts';
import { auditSize } from './audit-trail.ts';
import { Revisions } from './revisions.ts';
import { SqliteConnection } from './sqlite.ts';
import { auditLine, migrate } from './sqlite-schema.ts';
import { type Batch, replaceValues, writeBatch } from './sqlite-write.ts';
import { checkState, DATABASE } from './state-folder.ts';
import { type Release, takeState } from './state-lock.ts';
import type { AuditLine, Commit, FeedEntry, Store, StoredBoot, StoredLease } from './store.ts';
import type { Vault } from './vault.ts';

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
  /** The largest size of the audit trail, in characters; the oldest lines are removed first. */
  auditLimit?: number;
  /** Returns the vault that encrypts secret fields, called once the folder is locked; they stay plain when absent. */
  vault?: () => Promise<Vault>;
  /** Receives what an administrator should know about the folder. */
  warn?: (text: string) => void;
}

/** A very big transaction leaves a journal of at most this many bytes. */
const JOURNAL_BYTES = 16 << 20;

/**
 * Opens the database below `folder`, which is made with mode 0700. Throws `store-failed` when another musterd has the folder, and
 * `state-incomplete` when the database of an existing head is gone.
 */
export async function openSqliteStore(folder: string, options: StoreOptions = {}): Promise<Store> {
  await makeFolder(folder);
  await chmod(folder, 0o700);
  const release = await takeState(folder);
  let database: SqliteConnection | undefined;
  try {
    if ((await checkState(folder)).dropped)
      options.warn?.('A restore was interrupted before it took effect. This head is as it was; repeat muster restore.');
    database = await SqliteConnection.open(join(folder, DATABASE));
    await database.exec(
      `PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=5000; PRAGMA journal_size_limit=${JOURNAL_BYTES};`,
    );
    await migrate(database);
    const store = await SqliteStore.start(database, release, options, await options.vault?.());
    await store.sealAll();
    return store;
  } catch (error) {
    await database?.close();
    await release();
    throw error;
  }
}

class SqliteStore implements Store {
  private readonly database: SqliteConnection;
  private readonly release: Release;
  private readonly audits: { size: number; limit: number };
  private readonly revisions: Revisions;
  private readonly vault: Vault | undefined;
  private readonly listeners = new Set<(entry: FeedEntry) => void>();
  private waiting: Waiting[] = [];
  private writing: Promise<void> | undefined;

  private constructor(
    database: SqliteConnection,
    release: Release,
    revisions: Revisions,
    audits: { size: number; limit: number },
    vault: Vault | undefined,
  ) {
    this.database = database;
    this.release = release;
    this.revisions = revisions;
    this.audits = audits;
    this.vault = vault;
  }

  static async start(
    database: SqliteConnection,
    release: Release,
    { now = Date.now, auditLimit = Number.POSITIVE_INFINITY }: StoreOptions,
    vault: Vault | undefined,
  ): Promise<SqliteStore> {
    const [last] = await database.all('SELECT max(sequence) AS sequence FROM changes');
    const rows = await database.all('SELECT uid, revision, created FROM objects');
    const revisions = new Map(
      rows.map(row => [String(row['uid']), { revision: Number(row['revision']), created: Number(row['created']) }]),
    );
    const audits = { size: await auditSize(database), limit: auditLimit };
    const known = new Revisions(revisions, Number(last?.['sequence'] ?? 0), now);
    return new SqliteStore(database, release, known, audits, vault);
  }

  async load(): Promise<{ sequence: number; entries: Entry[] }> {
    const rows = await this.database.all('SELECT * FROM objects ORDER BY created, rowid');
    const entries = rows.map((row): Entry => {
      const kind = row['kind'] as Kind;
      const value = JSON.parse(String(row['value'])) as Value;
      return {
        kind,
        uid: String(row['uid']),
        revision: Number(row['revision']),
        created: Number(row['created']),
        modified: Number(row['modified']),
        value: this.vault?.open(kind, value) ?? value,
      };
    });
    return { sequence: this.revisions.last, entries };
  }

  /** Encrypts what an older muster stored in the clear. */
  async sealAll(): Promise<void> {
    const { vault } = this;
    if (!vault) return;
    const rows = await this.database.all('SELECT uid, kind, value FROM objects');
    const changed = rows.flatMap(row => {
      const [uid, kind, stored] = [String(row['uid']), row['kind'] as Kind, String(row['value'])];
      const value = JSON.stringify(vault.seal(kind, JSON.parse(stored) as Value));
      return value === stored ? [] : [{ uid, value }];
    });
    if (changed.length === 0) return;
    // The clear text must not stay in free pages or in the journal
    await this.database.exec('PRAGMA secure_delete=ON');
    await replaceValues(this.database, changed);
    await this.database.exec('PRAGMA wal_checkpoint(TRUNCATE); PRAGMA secure_delete=OFF');
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
    await this.release();
  }

  private async enqueue(job: Omit<Waiting, 'resolve' | 'reject'>): Promise<FeedEntry | undefined> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ ...job, resolve, reject });
      this.writing ??= this.writeAll();
    });
  }

  /** Group commit: everything that waits goes into one transaction, with one fsync. */
  private async writeAll(): Promise<void> {
    while (this.waiting.length > 0) {
      const jobs = this.waiting;
      this.waiting = [];
      await this.writeTogether(jobs);
    }
    this.writing = undefined;
  }

  private async writeTogether(jobs: readonly Waiting[]): Promise<void> {
    const done: { job: Waiting; entry: FeedEntry | undefined }[] = [];
    for (const job of jobs) {
      try {
        done.push({ job, entry: job.commit ? this.revisions.prepare(job.commit) : undefined });
      } catch (error) {
        job.reject(error);
      }
    }
    try {
      // Taken over only when all of it is written: a transaction that is rolled back adds nothing to the trail.
      this.audits.size = await writeBatch(this.database, batchOf(done), this.audits, this.vault);
      this.revisions.keep();
    } catch (error) {
      this.revisions.takeBack();
      for (const { job } of done) job.reject(error);
      return;
    }
    for (const { job, entry } of done) {
      if (entry) for (const listener of this.listeners) tell(listener, entry);
      job.resolve(entry);
    }
  }
}

function batchOf(done: readonly { job: Waiting; entry: FeedEntry | undefined }[]): Batch {
  return {
    entries: done.flatMap(({ entry }) => (entry ? [entry] : [])),
    boots: done.flatMap(({ job }) => job.boots ?? []),
    dropped: done.flatMap(({ job }) => job.drop ?? []),
    leases: done.flatMap(({ job }) => job.leases ?? []),
  };
}

/** A commit stands: a listener that fails affects neither the other listeners nor the caller. */
function tell(listener: (entry: FeedEntry) => void, entry: FeedEntry): void {
  try {
    listener(entry);
  } catch (error) {
    // A listener that throws has objects in memory that differ from the store's: the process must end, not continue with them.
    queueMicrotask(() => {
      throw error;
    });
  }
}
