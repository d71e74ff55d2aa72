// Which name, index and address a node gets: from its naming pool, each used once.
import { MusterError } from '../errors.ts';
import type { Networks } from '../networks.ts';
import { ipFromNumber, ipToNumber, type Subnet, subnetHost } from '../wire/ip.ts';
import type { Cluster, Entry } from './cluster.ts';
import type { Value } from './kinds.ts';
import { addressing, inherited } from './pools.ts';

type Pool = Value<'pool'>;

/** Places the nodes of one command: each placed one counts for the next. */
export class NodePlacer {
  private readonly cluster: Cluster;
  private readonly network: Subnet;
  private readonly networks: Networks | undefined;
  private readonly taken = {
    mac: new Map<string, string>(),
    ip: new Map<string, string>(),
    name: new Map<string, string>(),
  };
  /** By naming pool: who has the index. */
  private readonly indices = new Map<string, Map<number, string>>();
  private readonly nextFree = new Map<string, number>();

  constructor(cluster: Cluster, network: Subnet, networks?: Networks) {
    this.cluster = cluster;
    this.network = network;
    this.networks = networks;
    for (const node of cluster.all('node')) this.take(node.value);
  }

  /** Completes a new node's fields: name, index and ip where they are not given, and the group of its pool. */
  place(given: Record<string, unknown>): Record<string, unknown> {
    const [poolUid, pool] = this.pool(given['naming_pool']);
    const index = (given['index'] as number | undefined) ?? this.nextIndex(poolUid, pool, given);
    this.checkIndex(pool, index);
    const name = (given['name'] as string | undefined) ?? nodeName(pool, index);
    const ip = (given['ip'] as string | undefined) ?? this.address(pool, index, name);
    const group = inherited(this.cluster, pool, one => one.group || undefined);
    const groups = given['groups'] ?? (group === undefined ? [] : [group]);
    const node = { ...given, naming_pool: poolUid, index, name, ip, groups } as Value<'node'>;
    this.check(node);
    this.checkAddress(node);
    this.take(node);
    return node;
  }

  /** A node with changed fields; a new index brings the name and the address that belong to it, unless they were chosen. */
  move(entry: Entry<'node'>, fields: Record<string, unknown>): Value<'node'> {
    const before = entry.value;
    const node = { ...before, ...fields } as Value<'node'>;
    if (node.index !== before.index || node.naming_pool !== before.naming_pool) {
      const [poolUid, pool] = this.pool(node.naming_pool);
      node.naming_pool = poolUid;
      this.checkIndex(pool, node.index);
      const old = this.cluster.get('pool', before.naming_pool)?.value ?? pool;
      if (fields['name'] === undefined && before.name === nodeName(old, before.index))
        node.name = nodeName(pool, node.index);
      if (fields['ip'] === undefined && before.ip === this.poolAddress(old, before.index))
        node.ip = this.address(pool, node.index, node.name);
    }
    this.release(before);
    this.check(node);
    // A node that was placed before the head's network was changed can still be described.
    if (node.ip !== before.ip) this.checkAddress(node);
    this.take(node);
    return node;
  }

  private pool(uid: unknown): [string, Pool] {
    const chosen = typeof uid === 'string' && uid !== '' ? uid : (this.cluster.settings?.default_pool ?? '');
    const pool = this.cluster.get('pool', chosen);
    if (!pool)
      throw new MusterError('not-ready', 'There is no naming pool for new nodes; create one and set default_pool.');
    return [chosen, pool.value];
  }

  /** The lowest free index whose name and address are free too: others may have been given by hand. */
  private nextIndex(poolUid: string, pool: Pool, given: Record<string, unknown>): number {
    const start = this.nextFree.get(poolUid) ?? pool.first_index;
    let used = start;
    for (let index = start; index < pool.first_index + pool.size; index += 1) {
      // All below `used` are taken: the search for the next node begins there.
      if (index === used && this.indices.get(poolUid)?.has(index)) used += 1;
      else if (this.isFree(poolUid, pool, index, given)) {
        this.nextFree.set(poolUid, used);
        return index;
      }
    }
    throw new MusterError(
      'not-ready',
      `The naming pool ${pool.name} is full: of its ${pool.size} indices none is free with a free address in the boot network.`,
    );
  }

  private isFree(poolUid: string, pool: Pool, index: number, given: Record<string, unknown>): boolean {
    if (this.indices.get(poolUid)?.has(index)) return false;
    if (given['name'] === undefined && this.taken.name.has(nodeName(pool, index))) return false;
    const ip = given['ip'] === undefined ? this.poolAddress(pool, index) : undefined;
    return ip === undefined || (!this.taken.ip.has(ip) && this.isUsable(ip));
  }

  private isUsable(ip: string): boolean {
    if (this.networks) return this.networks.isUsable(ip);
    return ip !== this.network.address && subnetHost(this.network, ip);
  }

  private checkIndex(pool: Pool, index: number): void {
    const last = pool.first_index + pool.size - 1;
    if (index >= pool.first_index && index <= last) return;
    throw new MusterError(
      'bad-value',
      `The index ${index} is not in the naming pool ${pool.name}, which has ${pool.first_index} to ${last}.`,
    );
  }

  private address(pool: Pool, index: number, name: string): string {
    const ip = this.poolAddress(pool, index);
    if (!ip)
      throw new MusterError(
        'bad-value',
        `${name} needs ip=…: the naming pool ${pool.name} has neither ip_base nor ip_offset.`,
      );
    return ip;
  }

  /** By `ip_base`, or else by `ip_offset` in the pool's network; undefined when the pool gives no addresses. */
  private poolAddress(pool: Pool, index: number): string | undefined {
    const from = addressing(this.cluster, pool);
    if (!from) return undefined;
    const first = from.ip_base ? ipToNumber(from.ip_base) : this.networkOf(pool) + Number(from.ip_offset);
    const number = first + index - pool.first_index;
    return number > 0xffffffff ? undefined : ipFromNumber(number);
  }

  /** The first address of the pool's network, as a number. */
  private networkOf(pool: Pool): number {
    const name = inherited(this.cluster, pool, one => one.network || undefined);
    const all = this.networks?.all ?? [];
    const found = name === undefined ? this.network : all.find(one => one.name === name)?.subnet;
    if (found) return ipToNumber(found.network);
    const known = all.map(one => one.name).join(', ') || 'boot';
    throw new MusterError('bad-value', `The naming pool ${pool.name} names the network ${name}; there are: ${known}.`);
  }

  private check(node: Value<'node'>): void {
    const clash = (what: string, holder: string | undefined): void => {
      if (holder === undefined) return;
      // A holder that is no node yet stands earlier in the same request
      const how = this.cluster.byName('node', holder)
        ? `belongs to ${holder} already`
        : `is given twice, also for the new node ${holder}`;
      throw new MusterError('duplicate', `${what} ${how}; nothing was changed.`);
    };
    // The index first: name and address come of it, and would be blamed for it
    clash(`The index ${node.index}`, this.indices.get(node.naming_pool)?.get(node.index));
    clash(`${node.name}: MAC ${node.mac}`, this.taken.mac.get(node.mac));
    clash(`${node.name}: IP ${node.ip}`, this.taken.ip.get(node.ip));
    clash(`${node.name}: name ${node.name}`, this.taken.name.get(node.name));
  }

  private checkAddress(node: Value<'node'>): void {
    if (this.networks?.isHead(node.ip) ?? node.ip === this.network.address) {
      throw new MusterError('duplicate', `${node.name}: IP ${node.ip} is the head's own; nothing was changed.`);
    }
    const lent = this.networks?.ofRange(node.ip);
    if (lent) {
      throw new MusterError(
        'bad-value',
        `${node.name}: IP ${node.ip} is in the range of the network ${lent.name} that unknown machines are given addresses of; choose one outside.`,
      );
    }
    if (!this.isUsable(node.ip)) {
      const others = this.networks?.all.slice(1) ?? [];
      const more = others.map(({ name, subnet }) => `, nor in ${name} ${subnet.network}/${subnet.prefix}`).join('');
      const { network, prefix } = this.network;
      throw new MusterError(
        'bad-value',
        `${node.name}: IP ${node.ip} is no host address in the boot network ${network}/${prefix}${more}.`,
      );
    }
  }

  private take(node: Value<'node'>): void {
    this.taken.mac.set(node.mac, node.name);
    this.taken.ip.set(node.ip, node.name);
    this.taken.name.set(node.name, node.name);
    const indices = this.indices.get(node.naming_pool) ?? new Map<number, string>();
    this.indices.set(node.naming_pool, indices.set(node.index, node.name));
  }

  private release(node: Value<'node'>): void {
    this.taken.mac.delete(node.mac);
    this.taken.ip.delete(node.ip);
    this.taken.name.delete(node.name);
    this.indices.get(node.naming_pool)?.delete(node.index);
  }
}

/** The name by the pool's pattern: `n{}` with 7 is n7, `n{:03d}` is n007. */
function nodeName(pool: Pool, index: number): string {
  return pool.pattern.replace(/\{(?::(0?)(\d{1,2})d)?\}/, (_whole, zero?: string, width?: string) =>
    zero ? String(index).padStart(Number(width), '0') : String(index),
  );
}
