// What a naming pool has of its own, and what of the pools that it is a part of.
import type { Networks } from '../networks.ts';
import type { Cluster } from './cluster.ts';
import type { Value } from './kinds.ts';

type Pool = Value<'pool'>;

/** What a pool has, or the nearest of those it is a part of. */
export function inherited<T>(
  cluster: Pick<Cluster, 'get'>,
  pool: Pool,
  read: (one: Pool) => T | undefined,
): T | undefined {
  const seen = new Set<Pool>();
  for (let one: Pool | undefined = pool; one && !seen.has(one); one = cluster.get('pool', one.parent)?.value) {
    seen.add(one);
    const found = read(one);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The pool whose `ip_base` or `ip_offset` counts. One that has addresses of its own does not mix them with those of its parent. */
export function addressing(cluster: Pick<Cluster, 'get'>, pool: Pool): Pool | undefined {
  return inherited(cluster, pool, one => (one.ip_base || typeof one.ip_offset === 'number' ? one : undefined));
}

/** The name of the network that a pool's addresses lie in; undefined when it gives none, or they lie in no network. */
export function networkOfPool(cluster: Pick<Cluster, 'get'>, networks: Networks, pool: Pool): string | undefined {
  const from = addressing(cluster, pool);
  if (!from) return undefined;
  if (from.ip_base) return networks.of(from.ip_base)?.name;
  return inherited(cluster, pool, one => one.network || undefined) ?? networks.main.name;
}
