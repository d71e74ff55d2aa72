// What a deletion would change: the objects are removed, and with force their users lose the reference.
import { MusterError } from '../errors.ts';
import type { Change, Plan } from './change.ts';
import type { Cluster, Entry } from './cluster.ts';
import { refuseFrozen } from './frozen.ts';
import { refuseInheritedClashes } from './inherited-addresses.ts';
import { KINDS, type Value } from './kinds.ts';
import { dropReferences, usersOf } from './references.ts';

/** Deletes objects, all or none; refuses those that others still use, with their names, unless forced. */
export function planDelete(cluster: Cluster, entries: readonly Entry[], force: boolean): Plan & { broken: string[] } {
  const gone = new Set(entries.map(entry => entry.uid));
  const changes = new Map<string, Change>();
  const broken: string[] = [];
  const settings = cluster.byName('cluster', 'cluster');
  for (const entry of entries) {
    if (entry.kind === 'cluster') throw new MusterError('bad-usage', 'The cluster settings cannot be deleted.');
    refuseFrozen(entry, []);
    const users = usersOf(cluster, entry).filter(user => !gone.has(user.uid));
    if (users.length > 0 && !force) throw inUse(entry, users);
    // A frozen user would lose a field: that is a change too.
    for (const user of users) refuseFrozen(user, []);
    broken.push(...users.map(user => `${KINDS[user.kind].label} ${user.value.name} loses ${entry.value.name}`));
    // The default group, pool or distro may be deleted (the specification recreates its defaults like this), together with the
    // setting.
    for (const user of [...users, ...(settings ? [settings] : [])]) drop(changes, user, entry);
    const { kind, uid, revision: expected } = entry;
    changes.set(uid, { kind, uid, expected, value: null, name: entry.value.name });
  }
  // Nodes may get what another group says
  refuseInheritedClashes(cluster, [...changes.values()], {});
  return { changes: [...changes.values()], uids: [...gone], broken };
}

function drop(changes: Map<string, Change>, user: Entry, entry: Entry): void {
  const before: Value = changes.get(user.uid)?.value ?? user.value;
  const value = dropReferences(user, before, entry);
  if (JSON.stringify(value) === JSON.stringify(before)) return;
  changes.set(user.uid, { kind: user.kind, uid: user.uid, expected: user.revision, value });
}

function inUse(entry: Entry, users: readonly Entry[]): MusterError {
  const names = users.slice(0, 8).map(user => `${KINDS[user.kind].label} ${user.value.name}`);
  const more = users.length > 8 ? ` and ${users.length - 8} more` : '';
  const label = KINDS[entry.kind].label;
  const text = `The ${label} ${entry.value.name} is used by ${names.join(', ')}${more}; change those first, or delete with --force.`;
  return new MusterError('in-use', text);
}
