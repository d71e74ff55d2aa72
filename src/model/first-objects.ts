// The objects of a new cluster: its settings, a naming pool, and the default attribute group.
import { ipFromNumber, ipToNumber, type Subnet } from '../wire/ip.ts';
import type { Change, ChangeContext, Plan } from './change.ts';
import { KINDS, type Kind, MOST_INDICES, type Value } from './kinds.ts';

/** Returns nothing when the settings exist: an administrator may have deleted the rest on purpose. */
export function firstObjects(context: ChangeContext): Plan {
  if (context.cluster.settings) return { changes: [], uids: [] };
  const { base, size } = addressRange(context.network);
  const create = (kind: Kind, fields: Record<string, unknown>): Change => ({
    kind,
    uid: context.newUid(),
    expected: 0,
    value: KINDS[kind].schema.parse(fields) as Value,
  });
  const group = create('attrib', { name: 'DefaultAttribs', description: 'every node is in this group, first of all' });
  const pool = create('pool', {
    name: 'default',
    description: 'names and addresses of new nodes',
    ip_base: base,
    size,
  });
  const settings = create('cluster', { name: 'cluster', default_group: group.uid, default_pool: pool.uid });
  return { changes: [group, pool, settings], uids: [] };
}

/** New nodes get the upper part of the boot network: from .100 on in a /24, the upper half otherwise, as far as a pool reaches. */
function addressRange(network: Subnet): { base: string; size: number } {
  const total = 2 ** (32 - network.prefix);
  const first = network.prefix === 24 ? 100 : Math.floor(total / 2);
  const base = ipToNumber(network.network) + first;
  return { base: ipFromNumber(base), size: Math.min(MOST_INDICES, Math.max(1, total - first - 1)) };
}
