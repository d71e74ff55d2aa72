// Which file sets a node has: `_file_sets` of its groups and of itself add up (docs/decisions/0010-file-sets.md).
import { didYouMean } from '../nearest.ts';
import type { Refused } from '../refused.ts';
import type { Cluster, Entry } from './cluster.ts';
import type { Value } from './kinds.ts';
import { type Layer, layersOf } from './layers.ts';
import { isShipped, SHIPPED_SETS } from './shipped-sets.ts';

/** The attribute that names the file sets of a node. */
export const FILE_SETS = '_file_sets';

/** A name in a list, with the group or node that has the list. */
interface NamedSet {
  name: string;
  source: string;
}

/** A set that a later list leaves out. */
export interface LeftOutSet extends NamedSet {
  /** `node n0`. */
  by: string;
}

export interface FoundSet extends NamedSet {
  /** Undefined for a set that comes with muster: no object has its name. */
  set: Entry<'files'> | undefined;
}

export interface FileSets {
  /** In order: the files of later sets hide those of earlier ones. */
  sets: readonly FoundSet[];
  leftOut: readonly LeftOutSet[];
}

/** Returns the file sets of a node in order, or which of them does not exist. */
export function fileSetsOf(
  cluster: Cluster,
  node: Pick<Value<'node'>, 'name' | 'groups' | 'attributes'>,
): FileSets | Refused {
  const { named, leftOut } = joinedSets(layersOf(cluster, node));
  const sets: FoundSet[] = [];
  for (const { name, source } of named) {
    const set = cluster.byName('files', name);
    if (!set && !isShipped(name))
      return { refused: `${FILE_SETS} (${source}) names ${name}, and there is no such file set` };
    sets.push({ name, set, source });
  }
  return { sets, leftOut };
}

/** Adds up the lists of layers; `-NAME` leaves out a set of an earlier one. A set that is named again moves to the end. */
export function joinedSets(layers: readonly Layer[]): { named: NamedSet[]; leftOut: LeftOutSet[] } {
  const named = new Map<string, NamedSet>();
  const leftOut = new Map<string, LeftOutSet>();
  for (const { attributes, source } of layers)
    for (const item of listOf(attributes[FILE_SETS])) {
      const name = nameIn(item);
      const before = named.get(name);
      named.delete(name);
      leftOut.delete(name);
      if (!item.startsWith('-')) named.set(name, { name, source });
      else if (before) leftOut.set(name, { ...before, by: source });
    }
  return { named: [...named.values()], leftOut: [...leftOut.values()] };
}

/** Returns what is wrong with a list of file sets, or undefined. */
export function fileSetsProblem(value: string, cluster: Cluster): string | undefined {
  const items = listOf(value);
  const names = items.map(nameIn);
  const twice = names.find((name, at) => names.indexOf(name) < at);
  if (twice !== undefined) return `names ${twice} twice`;
  const missing = names.find(name => !cluster.byName('files', name) && !isShipped(name));
  if (missing === undefined) return undefined;
  const known = [...new Set([...cluster.all('files').map(set => set.value.name), ...Object.keys(SHIPPED_SETS)])];
  const all = `there are ${known.join(', ')}`;
  return `names no file set '${missing}'; ${didYouMean(missing, known, all)}`;
}

/** Returns whether a list names the set, with or without a minus. */
export function listNames(value: string | undefined, name: string): boolean {
  return listOf(value).some(item => nameIn(item) === name);
}

/** Returns the list with another name for a set, or without it; undefined when nothing is left. */
export function listWith(value: string | undefined, name: string, other: string | undefined): string | undefined {
  const items = listOf(value).flatMap(item => {
    if (nameIn(item) !== name) return [item];
    return other === undefined ? [] : [item.startsWith('-') ? `-${other}` : other];
  });
  return items.length > 0 ? items.join(',') : undefined;
}

function listOf(value: string | undefined): string[] {
  return (value ?? '')
    .split(',')
    .map(item => item.trim())
    .filter(item => item !== '');
}

function nameIn(item: string): string {
  return item.replace(/^-/, '');
}
