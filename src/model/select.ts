// Which objects an identifier names: by name, UID, UID prefix; nodes also by MAC, IP, index, node set and %group.
import { MusterError } from '../errors.ts';
import { nearest } from '../nearest.ts';
import { parseIpv4 } from '../wire/ip.ts';
import { parseMac } from '../wire/mac.ts';
import type { Cluster, Entry } from './cluster.ts';
import { KINDS, type Kind } from './kinds.ts';
import { expandNodeSet } from './nodeset.ts';

/** Returns the objects that the identifiers name, each once, in order. Throws `no-such-object` for one that names nothing. */
export function select<K extends Kind>(cluster: Cluster, kind: K, ids: readonly string[]): Entry<K>[] {
  const chosen = new Map<string, Entry<K>>();
  for (const id of ids) {
    for (const entry of resolve(cluster, kind, id)) chosen.set(entry.uid, entry);
  }
  return [...chosen.values()];
}

/** Returns exactly one object; throws `ambiguous-id` for several. */
export function selectOne<K extends Kind>(cluster: Cluster, kind: K, id: string): Entry<K> {
  const found = resolve(cluster, kind, id);
  const [first] = found;
  if (first && found.length === 1) return first;
  throw new MusterError('ambiguous-id', `'${id}' names ${found.length} ${KINDS[kind].many}; expected exactly one.`);
}

function resolve<K extends Kind>(cluster: Cluster, kind: K, id: string): readonly Entry<K>[] {
  const single = lookUp(cluster, kind, id);
  if (single) return [single];
  if (kind !== 'node') throw notFound(cluster, kind, id);
  // Commas and brackets first: `%gpu,n0` is a group and a node.
  const names = /[[\],]/.test(id) ? expandNodeSet(id) : [id];
  return names.flatMap(name =>
    name.startsWith('%')
      ? (groupMembers(cluster, name.slice(1)) as unknown as Entry<K>[])
      : [required(cluster, kind, name)],
  );
}

function required<K extends Kind>(cluster: Cluster, kind: K, id: string): Entry<K> {
  const entry = lookUp(cluster, kind, id);
  if (!entry) throw notFound(cluster, kind, id);
  return entry;
}

function lookUp<K extends Kind>(cluster: Cluster, kind: K, id: string): Entry<K> | undefined {
  const exact = cluster.byName(kind, id) ?? cluster.get(kind, id);
  if (exact) return exact;
  if (kind === 'node') {
    const node = lookUpNode(cluster, id);
    if (node) return node as unknown as Entry<K>;
  }
  return /^[0-9a-f]{5,31}$/.test(id) ? byPrefix(cluster, kind, id) : undefined;
}

function lookUpNode(cluster: Cluster, id: string): Entry<'node'> | undefined {
  const ip = parseIpv4(id);
  if (ip) return cluster.nodeByIp(ip);
  // An index is short; twelve bare hex digits are always a MAC.
  if (/^\d{1,7}$/.test(id)) {
    const found = cluster.all('node').filter(entry => entry.value.index === Number(id));
    if (found.length > 1) throw ambiguous(`'${id}' is the index of ${found.length} nodes`, found, 'give the name');
    if (found[0]) return found[0];
  }
  const mac = parseMac(id);
  return mac ? cluster.nodeByMac(mac) : undefined;
}

function byPrefix<K extends Kind>(cluster: Cluster, kind: K, prefix: string): Entry<K> | undefined {
  const found = cluster.all(kind).filter(entry => entry.uid.startsWith(prefix));
  if (found.length <= 1) return found[0];
  throw ambiguous(`'${prefix}' begins ${found.length} UIDs`, found, 'give more digits or the name');
}

function ambiguous(what: string, found: readonly Entry[], remedy: string): MusterError {
  const names = found.slice(0, 5).map(entry => entry.value.name);
  return new MusterError('ambiguous-id', `${what} (${names.join(', ')}); ${remedy}.`);
}

function groupMembers(cluster: Cluster, name: string): readonly Entry<'node'>[] {
  const group = required(cluster, 'attrib', name);
  // Every node is in the default group, whatever its own list says.
  if (cluster.settings?.default_group === group.uid) return cluster.all('node');
  return cluster.all('node').filter(node => node.value.groups.includes(group.uid));
}

/** The specification's sentence; the nearest right name is the hint. */
function notFound(cluster: Cluster, kind: Kind, id: string): MusterError {
  const names = cluster.count(kind) <= 2000 ? cluster.all(kind).map(entry => entry.value.name) : [];
  const close = nearest(id, names);
  return new MusterError(
    'no-such-object',
    `No ${KINDS[kind].label} found for ID=${id}`,
    close ? { hint: `Did you mean ${close}?` } : {},
  );
}
