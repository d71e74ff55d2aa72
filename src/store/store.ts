// The interface of durable state: load, commit (compare-and-set), the change feed, and the boots.
import type { Change } from '../model/changes.ts';
import type { Effect, Entry } from '../model/cluster.ts';

export interface Commit {
  /** The caller: `root via socket`, `muster`. */
  who: string;
  /** The command, for the audit trail. No secrets. */
  what: string;
  changes: readonly Change[];
  /** Objects concerned but not changed: the nodes of a power action. */
  about?: AuditLine['objects'];
}

/** One commit as the feed delivers it; also a line of the audit trail. */
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

/** A stored boot: see `boot/boots`. The store does not interpret it. */
export interface StoredBoot {
  id: string;
  node: string;
  started: number;
  body: string;
}

/** A stored lease. The store does not interpret it. */
export interface StoredLease {
  ip: string;
  body: string;
}

export interface Store {
  load(): Promise<{ sequence: number; entries: Entry[] }>;
  /** Durable when it resolves. A change that expects another revision than the current one rejects the whole commit with `conflict`. */
  commit(commit: Commit): Promise<FeedEntry>;
  /** Calls back for each commit, in order, before `commit` resolves. Returns a function that unsubscribes. */
  subscribe(listener: (entry: FeedEntry) => void): () => void;
  audit(filter: { after?: number; limit: number; uid?: string }): Promise<AuditLine[]>;
  /** Saves boots, completely; many at once cost as much as one. */
  saveBoots(boots: readonly StoredBoot[]): Promise<void>;
  loadBoots(): Promise<StoredBoot[]>;
  dropBoots(ids: readonly string[]): Promise<void>;
  /** Durable when it resolves; everything that waits is written together. */
  saveLeases(leases: readonly StoredLease[]): Promise<void>;
  loadLeases(): Promise<StoredLease[]>;
  close(): Promise<void>;
}
