// The one narrow door to durable state: load, commit (compare-and-set), the change feed, and the boots.
import type { Change } from '../model/changes.ts';
import type { Effect, Entry } from '../model/cluster.ts';

export interface Commit {
  /** Who asked: `root via socket`, `muster`. */
  who: string;
  /** The command in words, for the audit trail. No secrets. */
  what: string;
  changes: readonly Change[];
  /** What it was about without changing it: the nodes of a power action. */
  about?: AuditLine['objects'];
}

/** One commit as the feed tells it; also a line of the audit trail. */
export interface FeedEntry {
  sequence: number;
  /** Milliseconds since 1970. */
  at: number;
  who: string;
  what: string;
  effects: Effect[];
  about?: AuditLine['objects'];
}

/** A line of the audit trail, without the objects' values. */
export interface AuditLine {
  sequence: number;
  at: number;
  who: string;
  what: string;
  objects: { kind: string; uid: string; name: string }[];
}

/** A boot as it is kept: see `boot/boots`. The store does not look inside. */
export interface StoredBoot {
  id: string;
  node: string;
  started: number;
  body: string;
}

/** A lent address as it is kept. The store does not look inside. */
export interface StoredLease {
  ip: string;
  body: string;
}

export interface Store {
  load(): Promise<{ sequence: number; entries: Entry[] }>;
  /** Durable when it resolves. A change whose `expected` revision is not the present one rejects the whole commit with `conflict`. */
  commit(commit: Commit): Promise<FeedEntry>;
  /** Calls back for each commit, in order, before `commit` resolves. Returns the way to stop. */
  subscribe(listener: (entry: FeedEntry) => void): () => void;
  audit(filter: { after?: number; limit: number; uid?: string }): Promise<AuditLine[]>;
  /** Saves boots, whole; many at once cost as much as one. */
  saveBoots(boots: readonly StoredBoot[]): Promise<void>;
  loadBoots(): Promise<StoredBoot[]>;
  dropBoots(ids: readonly string[]): Promise<void>;
  /** Durable when it resolves; whatever waits is written together. */
  saveLeases(leases: readonly StoredLease[]): Promise<void>;
  loadLeases(): Promise<StoredLease[]>;
  close(): Promise<void>;
}
