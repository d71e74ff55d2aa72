// Carries out decisions, one command after the other. Each is an atomic commit and returns the difference it made.
import { type Changed, type Difference, revisionTag } from '../api/objects.ts';
import { MusterError } from '../errors.ts';
import { MASK } from '../masking.ts';
import type { Change, Plan } from '../model/changes.ts';
import type { Cluster, Entry } from '../model/cluster.ts';
import { fieldsOf, type Value } from '../model/kinds.ts';
import { withVersions } from '../model/versions.ts';
import type { Store } from '../store/store.ts';
import { showField } from './show.ts';

export interface Command {
  who: string;
  what: string;
  dryRun?: boolean;
  /** Decides on the current objects; called when it is this command's turn. */
  plan(): Plan & { broken?: string[] };
}

export class Commander {
  private readonly cluster: Cluster;
  private readonly store: Store;
  private readonly keep: number;
  private turn: Promise<unknown> = Promise.resolve();

  /** @param keep how many contents of a file set stay */
  constructor(cluster: Cluster, store: Store, keep: number) {
    this.cluster = cluster;
    this.store = store;
    this.keep = keep;
  }

  /** Decides commands one after the other, so that two administrators cannot take one name or MAC. */
  async perform(command: Command): Promise<Changed> {
    const result = this.turn.then(async () => this.carryOut(command));
    // The next command waits for this one, however it ends.
    this.turn = result.catch(() => {});
    return result;
  }

  private async carryOut(command: Command): Promise<Changed> {
    const { changes: planned, uids, broken = [] } = command.plan();
    const changes = withVersions(this.cluster, planned, { ...command, keep: this.keep });
    const differences = changes.map(change => this.difference(change));
    if (changes.length > 0 && !command.dryRun)
      await this.store.commit({ who: command.who, what: command.what, changes });
    return { uids, differences, broken, dryRun: command.dryRun === true };
  }

  private difference(change: Change): Difference {
    const before = this.cluster.any(change.uid);
    const fields: Difference['fields'] = {};
    for (const row of change.value ? fieldsOf(change.kind) : []) {
      // Compares stored values and reports shown ones: a changed password is a change.
      if (isSame(raw(before?.value, row.name), raw(change.value, row.name))) continue;
      const show = (value: Value | null | undefined): unknown =>
        value ? (showField(this.cluster, row, value) ?? null) : null;
      fields[row.name] = marked(
        { before: show(before?.value), after: show(change.value) },
        before?.value,
        change.value,
      );
    }
    const action = !before ? 'created' : change.value ? 'changed' : 'deleted';
    const name = change.value?.name ?? before?.value.name ?? '';
    return { kind: change.kind, uid: change.uid, name, action, fields };
  }
}

/** A changed secret is stars before and after, so it is marked as changed. */
function marked(shown: Difference['fields'][string], before: object | undefined, after: object | null): typeof shown {
  const [old, now] = [raw(before, 'attributes'), raw(after, 'attributes')] as (Record<string, string> | undefined)[];
  if (!isRecord(shown.before) || !isRecord(shown.after) || !old || !now) return shown;
  const values = Object.entries(shown.after).map(([name, value]) => [
    name,
    value === MASK && shown.before && Object.hasOwn(old, name) && old[name] !== now[name] ? `${MASK} (changed)` : value,
  ]);
  return { before: shown.before, after: Object.fromEntries(values) };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSame(left: unknown, right: unknown): boolean {
  return left === right || JSON.stringify(left) === JSON.stringify(right);
}

function raw(value: object | null | undefined, name: string): unknown {
  return value ? (value as Record<string, unknown>)[name] : undefined;
}

/** RFC 9110 §13.1.1: the change applies to the revision that was read; several objects have no common revision. */
export function checkIfMatch(header: string | undefined, entries: readonly Entry[]): void {
  if (header === undefined || header === '*') return;
  const [entry] = entries;
  if (!entry || entries.length > 1) throw new MusterError('bad-usage', 'If-Match applies to exactly one object.');
  const tags = header.split(',').map(tag => tag.trim());
  if (!tags.includes(revisionTag(entry))) {
    throw new MusterError(
      'conflict',
      `${entry.value.name} was changed by somebody else after you read it; read it again and retry.`,
    );
  }
}
