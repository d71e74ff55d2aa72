// Where the attributes of a node come from, the weakest first.
import type { Value } from './kinds.ts';

export interface Layer {
  attributes: Readonly<Record<string, string>>;
  /** `node n0`, `group gpu`, `default group DefaultAttribs`. */
  source: string;
  /** Of the node itself. */
  isOwn?: true;
}

/** Finds groups; a `Cluster` does. */
export interface Groups {
  settings: Pick<Value<'cluster'>, 'default_group'> | undefined;
  get(kind: 'attrib', uid: string): { uid: string; value: Value<'attrib'> } | undefined;
}

/** Returns the default group, the node's groups in order, and the node itself (the specification's precedence). */
export function layersOf(
  cluster: Groups,
  node: Pick<Value<'node'>, 'name' | 'groups' | 'attributes'>,
): readonly Layer[] {
  const layers: Layer[] = [];
  const defaultGroup = cluster.get('attrib', cluster.settings?.default_group ?? '');
  if (defaultGroup)
    layers.push({
      attributes: defaultGroup.value.attributes,
      source: `default group ${defaultGroup.value.name}`,
    });
  for (const uid of node.groups) {
    const group = cluster.get('attrib', uid);
    if (group && group.uid !== defaultGroup?.uid)
      layers.push({ attributes: group.value.attributes, source: `group ${group.value.name}` });
  }
  layers.push({ attributes: node.attributes, source: `node ${node.name}`, isOwn: true });
  return layers;
}
