// How far running nodes are with their files, for the command line.
import type { NodeFilesState } from '../api/node-files.ts';
import { reasonOf } from '../errors.ts';
import type { SeenState } from '../files/files-since.ts';
import { EMPTY_INDEX } from '../files/index-text.ts';
import { FILES_LIVE, filesState } from '../files/live-state.ts';
import { effectiveAttributes } from '../model/attributes.ts';
import type { Entry } from '../model/cluster.ts';
import { joinedSets } from '../model/file-sets.ts';
import type { Value } from '../model/kinds.ts';
import { layersOf } from '../model/layers.ts';
import type { AdminPorts } from './ports.ts';

/** Returns the state of each node's files. @param release whether its current files are released to it first */
export async function filesStates(
  ports: AdminPorts,
  nodes: readonly Entry<'node'>[],
  release = false,
): Promise<NodeFilesState[]> {
  const states: NodeFilesState[] = [];
  for (const node of nodes) states.push(await stateOf(ports, node, release));
  return states;
}

async function stateOf(ports: AdminPorts, node: Entry<'node'>, release: boolean): Promise<NodeFilesState> {
  const { cluster, nodeFiles, releases, statuses } = ports;
  const { uid, value } = node;
  const planned = await nodeFiles.planned(cluster, uid).catch((error: unknown) => ({ refused: reasonOf(error) }));
  const files = 'refused' in planned ? undefined : planned.files;
  if (release && !('refused' in planned)) releases.release(uid, files?.index ?? EMPTY_INDEX.sha256);
  const rule = releases.ruleFor(uid, effectiveAttributes(cluster, value).get(FILES_LIVE)?.value);
  const { state, facts } = statuses.of(uid);
  const isUp = state === 'up';
  const current = 'refused' in planned ? planned : files?.index;
  const applied = facts['files_applied'];
  const reached = filesState({ isUp, current, rule, facts });
  const since = isUp ? sinceWhen(ports, uid, reached) : statuses.of(uid).lastSeen;
  return {
    ...{ uid, name: value.name, ...reached },
    ...(since !== undefined && { since }),
    sets: setNames(cluster, value),
    ...(files && { index: files.index }),
    ...(applied !== undefined && { applied }),
    live: rule.mode,
  };
}

/** Returns the names of its sets in order, also when they cannot be rendered. */
function setNames(cluster: AdminPorts['cluster'], node: Value<'node'>): string[] {
  return joinedSets(layersOf(cluster, node)).named.map(({ name }) => name);
}

/** Before the first heartbeat after a start of musterd, nothing is known of the node. */
function sinceWhen({ boots, filesSince, statuses }: AdminPorts, uid: string, reached: SeenState): number | undefined {
  const boot = statuses.currentBoot(uid);
  if (!boot || !boots.beats.of(boot)) return undefined;
  return filesSince.see(uid, { id: boot.id, isNew: boots.beats.isNew(boot) }, reached, boots.times.wall());
}
