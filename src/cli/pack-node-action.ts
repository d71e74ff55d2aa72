// `muster pack-node`: this machine's files as an archive, from the script that a capture runs on a node.
import { PACK_NODE } from '../image/pack-node.ts';
import { run } from '../process/run.ts';
import type { Action } from './table.ts';

export const packNode: Action = {
  name: 'pack-node',
  summary:
    'write all files of this machine as a tar archive to standard output; `modimg --capture` runs the same on nodes',
  examples: ['muster pack-node >node.tar'],
  async run() {
    return (await run('sh', [PACK_NODE], { terminal: true })).status;
  },
};
