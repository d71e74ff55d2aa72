// How far running nodes are with their files, for the command line.
import type { NodeFilesState } from '../api/node-files.ts';
import { reasonOf } from '../errors.ts';
import { EMPTY_INDEX } from '../files/index-text.ts';
import { FILES_LIVE, filesState } from '../files/live-state.ts';
import { effectiveAttributes } from '../model/attributes.ts';
import type { Entry } from '../model/cluster.ts';
import type { AdminPorts } from './ports.ts';

/** Where each node is. @param release whether its present files are released to it first */
export async function filesStates(
  ports: AdminPorts,
  nodes: readonly Entry<'node'>[],
  release = false,
): Promise<NodeFilesState[]> {
  const states: NodeFilesState[] = [];
  for (const node of nodes) states.push(await stateOf(ports, node, release));
  return states;
}

async function stateOf(
  { cluster, nodeFiles, releases, statuses }: AdminPorts,
  node: Entry<'node'>,
  release: boolean,
): Promise<NodeFilesState> {
  const { uid, value } = node;
  const planned = await nodeFiles.planned(cluster, uid).catch((error: unknown) => ({ refused: reasonOf(error) }));
  const files = 'refused' in planned ? undefined : planned.files;
  if (release && !('refused' in planned)) releases.release(uid, files?.index ?? EMPTY_INDEX.sha256);
  const rule = releases.ruleFor(uid, effectiveAttributes(cluster, value).get(FILES_LIVE)?.value);
  const { state, facts } = statuses.of(uid);
  const current = 'refused' in planned ? planned : files?.index;
  const applied = facts['files_applied'];
  return {
    ...{ uid, name: value.name, ...filesState({ isUp: state === 'up', current, rule, facts }) },
    sets: [...(files?.sets ?? [])],
    ...(files && { index: files.index }),
    ...(applied !== undefined && { applied }),
    live: rule.mode,
  };
}
