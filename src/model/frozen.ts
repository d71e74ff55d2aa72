// Frozen objects: nothing about them changes or disappears except `frozen` itself.
import { MusterError } from '../errors.ts';
import type { Entry } from './cluster.ts';
import { KINDS } from './kinds.ts';

/** Refuses a change of these fields (none: a deletion) of a frozen object. */
export function refuseFrozen(entry: Entry, fields: readonly string[]): void {
  if (!('frozen' in entry.value) || !entry.value.frozen) return;
  // Only `frozen` may be changed, and alone: an update that thaws and changes at once is refused too.
  if (fields.length === 1 && fields[0] === 'frozen') return;
  const label = KINDS[entry.kind].label;
  throw new MusterError('frozen', `The ${label} ${entry.value.name} is frozen; run 'update frozen=false' first.`);
}
