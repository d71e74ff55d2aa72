// What the boot plane needs to give nodes their files.
import { BundleTurns } from '../boot/plane/bundle-turns.ts';
import { FILES_LIVE } from '../files/live-state.ts';
import type { BootPlanePorts } from '../http/ports.ts';
import { effectiveAttributes } from '../model/attributes.ts';
import type { FilesAnswer, NodeFiles } from './node-files.ts';
import type { State } from './state.ts';

export function nodeFilePorts(
  state: State,
  nodeFiles: NodeFiles,
): Required<Pick<BootPlanePorts, 'files' | 'fileContent' | 'bundles' | 'liveRule' | 'filesSeen'>> {
  const { boots, cluster, filesSince, releases } = state;
  return {
    files: async uid => servedFiles(state, nodeFiles, uid),
    fileContent: async sha256 => nodeFiles.content(sha256),
    bundles: new BundleTurns(),
    liveRule(uid) {
      const node = cluster.get('node', uid);
      return releases.ruleFor(uid, node && effectiveAttributes(cluster, node.value).get(FILES_LIVE)?.value);
    },
    filesSeen(boot, seen) {
      filesSince.see(boot.node, { id: boot.id, isNew: boots.beats.isNew(boot) }, seen, boots.times.wall());
    },
  };
}

/** Returns the files of a node; secret ones only when the head can serve them over TLS. */
async function servedFiles({ cluster, secretPlane }: State, nodeFiles: NodeFiles, uid: string): Promise<FilesAnswer> {
  const answer = await nodeFiles.planned(cluster, uid);
  if ('refused' in answer || !answer.files?.secret) return answer;
  const ready = await secretPlane.ready();
  return 'refused' in ready ? { refused: `its files have secrets, and ${ready.refused}` } : answer;
}
