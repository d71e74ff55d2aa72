// What a naming pool sets itself, and what it takes from its parent pools.
import type { Networks } from '../networks.ts';
import type { Cluster } from './cluster.ts';
import type { Value } from './kinds.ts';

type Pool = Value<'pool'>;

/** Returns a pool's value, or that of the nearest parent. */
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

/** Returns the pool with the effective `ip_base` or `ip_offset`. A pool with its own addresses does not mix them with its parent's. */
export function addressing(cluster: Pick<Cluster, 'get'>, pool: Pool): Pool | undefined {
  return inherited(cluster, pool, one => (one.ip_base || typeof one.ip_offset === 'number' ? one : undefined));
}

/** Returns the name of the network of a pool's addresses; undefined when it gives none, or they are in no network. */
export function networkOfPool(cluster: Pick<Cluster, 'get'>, networks: Networks, pool: Pool): string | undefined {
  const from = addressing(cluster, pool);
  if (!from) return undefined;
  if (from.ip_base) return networks.of(from.ip_base)?.name;
  return inherited(cluster, pool, one => one.network || undefined) ?? networks.main.name;
}
