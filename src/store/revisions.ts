// The revision of each object in memory: a commit is checked against them before it is written, and undone when the write fails.
import { MusterError } from '../errors.ts';
import type { Change } from '../model/changes.ts';
import type { Effect } from '../model/cluster.ts';
import type { Commit, FeedEntry } from './store.ts';

export interface Revision {
  revision: number;
  /** Milliseconds since 1970. */
  created: number;
}

export class Revisions {
  private readonly revisions: Map<string, Revision>;
  private sequence: number;
  private readonly now: () => number;
  /** What the current transaction has changed, as it was before. */
  private readonly undo = new Map<string, Revision | undefined>();
  private sequenceBefore: number;

  constructor(revisions: Map<string, Revision>, sequence: number, now: () => number) {
    this.revisions = revisions;
    this.sequence = sequence;
    this.sequenceBefore = sequence;
    this.now = now;
  }

  /** The number of the last commit. */
  get last(): number {
    return this.sequence;
  }

  /** Compare-and-set: throws `conflict` when a change expects another revision than the current one, and changes nothing. */
  prepare(commit: Commit): FeedEntry {
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
    const effects = commit.changes.map(change => this.effect(change, at));
    this.sequence += 1;
    const { who, what, about } = commit;
    return { sequence: this.sequence, at, who, what, effects, ...(about && { about }) };
  }

  /** The prepared changes are written. */
  keep(): void {
    this.undo.clear();
    this.sequenceBefore = this.sequence;
  }

  /** The prepared changes could not be written. */
  takeBack(): void {
    for (const [uid, old] of this.undo) old ? this.revisions.set(uid, old) : this.revisions.delete(uid);
    this.undo.clear();
    this.sequence = this.sequenceBefore;
  }

  private effect(change: Change, at: number): Effect {
    const { kind, uid } = change;
    const old = this.revisions.get(uid);
    if (!this.undo.has(uid)) this.undo.set(uid, old);
    if (!change.value) {
      this.revisions.delete(uid);
      return { kind, uid, entry: null, name: change.name };
    }
    const head = { revision: change.expected + 1, created: old?.created ?? at };
    this.revisions.set(uid, head);
    return { kind, uid, entry: { kind, uid, ...head, modified: at, value: change.value } };
  }
}
