// The head's own object: made at its start, and kept up to date.
import type { ChangeContext, Plan } from './change.ts';
import { KINDS, type Value } from './kinds.ts';

/** Returns the address of a head without the prefix of its network, which `head.address` has. */
export function headAddress({ address }: Pick<Value<'head'>, 'address'>): string {
  return address.replace(/\/.*/s, '');
}

/** Returns no change when the object is up to date. */
export function planHead(context: ChangeContext, facts: Omit<Value<'head'>, 'description'>): Plan {
  const known = context.cluster.byName('head', facts.name);
  const value = KINDS.head.schema.parse({ ...known?.value, ...facts });
  if (known && JSON.stringify(known.value) === JSON.stringify(value)) return { changes: [], uids: [known.uid] };
  const uid = known?.uid ?? context.newUid();
  return { changes: [{ kind: 'head', uid, expected: known?.revision ?? 0, value }], uids: [uid] };
}
