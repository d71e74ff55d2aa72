// Which name, index and address a node gets from its naming pool, each used once.
import { MusterError } from '../errors.ts';
import { Networks } from '../networks.ts';
import { ipFromNumber, ipToNumber } from '../wire/ip.ts';
import { heldIps, heldMacs, holderWords, type Surroundings, unavailable } from './addresses.ts';
import type { ChangeContext } from './change.ts';
import type { Cluster, Entry } from './cluster.ts';
import type { Value } from './kinds.ts';
import { addressing, inherited } from './pools.ts';

type Pool = Value<'pool'>;

/** Places the nodes of one command: each placed one counts for the next. */
export class NodePlacer {
  private readonly cluster: Cluster;
  private readonly networks: Networks;
  private readonly around: Surroundings;
  private readonly taken = {
    mac: new Map<string, string>(),
    /** By address: the nodes, controllers and interfaces that have it, as text. */
    ip: new Map<string, string[]>(),
    name: new Map<string, string>(),
  };
  /** By naming pool: the owner of each index. */
  private readonly indices = new Map<string, Map<number, string>>();
  private readonly nextFree = new Map<string, number>();

  constructor({
    cluster,
    network,
    networks,
    usedBy,
  }: Pick<ChangeContext, 'cluster' | 'network' | 'networks' | 'usedBy'>) {
    this.cluster = cluster;
    this.networks = networks ?? new Networks({ ...ALONE, address: `${network.address}/${network.prefix}` });
    this.around = { networks: this.networks, usedBy };
    for (const node of cluster.all('node')) this.take(node.value);
  }

  /** Completes a new node's fields: name, index and ip where they are missing, and the group of its pool. */
  place(given: Record<string, unknown>): Record<string, unknown> {
    const [poolUid, pool] = this.pool(given['naming_pool']);
    const index = (given['index'] as number | undefined) ?? this.nextIndex(poolUid, pool, given);
    this.checkIndex(pool, index);
    const name = (given['name'] as string | undefined) ?? nodeName(pool, index);
    const ip = (given['ip'] as string | undefined) ?? this.address(pool, index, name);
    const group = inherited(this.cluster, pool, one => one.group || undefined);
    const groups = given['groups'] ?? (group === undefined ? [] : [group]);
    const attributes = given['attributes'] ?? {};
    const node = { ...given, naming_pool: poolUid, index, name, ip, groups, attributes } as Value<'node'>;
    this.check(node);
    this.checkAddress(node);
    this.take(node);
    return node;
  }

  /** Returns a node with changed fields; a new index also changes the name and the address derived from it, unless they were set. */
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
    // A node placed before the head's network changed can still be described.
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

  /** Returns the lowest free index with a free name and address: others may have been set by hand. */
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
    if (ip === undefined) return true;
    if (this.taken.ip.has(ip) || !this.networks.isHost(ip)) return false;
    // The node's own controller is another machine
    const draft = { mac: '', attributes: {}, ...given, ip: '' } as unknown as Value<'node'>;
    return !heldIps(draft).some(held => held.ip === ip) && !unavailable(ip, heldMacs(draft), this.around);
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
    const { all, main } = this.networks;
    const found = name === undefined ? main.subnet : all.find(one => one.name === name)?.subnet;
    if (found) return ipToNumber(found.network);
    const known = all.map(one => one.name).join(', ');
    throw new MusterError('bad-value', `The naming pool ${pool.name} names the network ${name}; there are: ${known}.`);
  }

  private check(node: Value<'node'>): void {
    const clash = (what: string, holder: string | undefined): void => {
      if (holder === undefined) return;
      // A holder that is not a node yet is earlier in the same request
      const isKnown = this.cluster.byName('node', holder.split(' ').at(-1) ?? '') !== undefined;
      const how = isKnown ? `belongs to ${holder} already` : `is given twice, also for the new node ${holder}`;
      throw new MusterError('duplicate', `${what} ${how}; nothing was changed.`);
    };
    // The index first: name and address follow from it, and would get the blame
    clash(`The index ${node.index}`, this.indices.get(node.naming_pool)?.get(node.index));
    clash(`${node.name}: MAC ${node.mac}`, this.taken.mac.get(node.mac));
    clash(`${node.name}: IP ${node.ip}`, this.taken.ip.get(node.ip)?.at(0));
    clash(`${node.name}: name ${node.name}`, this.taken.name.get(node.name));
  }

  private checkAddress(node: Value<'node'>): void {
    const refused = unavailable(node.ip, heldMacs(node), this.around);
    if (refused)
      throw new MusterError(refused.code, `${node.name}: IP ${node.ip} ${refused.reason}; nothing was changed.`);
    if (this.networks.isHost(node.ip)) return;
    const [main, ...others] = this.networks.all.map(({ name, subnet }) => `${name} ${subnet.network}/${subnet.prefix}`);
    const more = others.map(words => `, or in ${words}`).join('');
    throw new MusterError(
      'bad-value',
      `${node.name}: IP ${node.ip} is no host address in the boot network ${main?.split(' ')[1]}${more}.`,
    );
  }

  private take(node: Value<'node'>): void {
    this.taken.mac.set(node.mac, node.name);
    for (const held of heldIps(node)) {
      const words = holderWords(node.name, held);
      this.taken.ip.set(held.ip, [...(this.taken.ip.get(held.ip) ?? []), words]);
    }
    this.taken.name.set(node.name, node.name);
    const indices = this.indices.get(node.naming_pool) ?? new Map<number, string>();
    this.indices.set(node.naming_pool, indices.set(node.index, node.name));
  }

  private release(node: Value<'node'>): void {
    this.taken.mac.delete(node.mac);
    for (const held of heldIps(node)) {
      const words = holderWords(node.name, held);
      const others = (this.taken.ip.get(held.ip) ?? []).filter(other => other !== words);
      if (others.length > 0) this.taken.ip.set(held.ip, others);
      else this.taken.ip.delete(held.ip);
    }
    this.taken.name.delete(node.name);
    this.indices.get(node.naming_pool)?.delete(node.index);
  }
}

/** The boot network alone, as without further configured networks. */
const ALONE = { interface: '', router: '', dns: [], domain: '', leaseSeconds: 0 };

/** Returns the name by the pool's pattern: `n{}` with 7 is n7, `n{:03d}` is n007. */
function nodeName(pool: Pool, index: number): string {
  return pool.pattern.replace(/\{(?::(0?)(\d{1,2})d)?\}/, (_whole, zero?: string, width?: string) =>
    zero ? String(index).padStart(Number(width), '0') : String(index),
  );
}
