// Counts the changes in an unpacked image, so that an administrator knows what they keep or discard.
import { run, toolFailed } from '../process/run.ts';
import { NOT_PACKED } from './pack.ts';

/** Maps a path to the file's metadata. */
export type TreeState = ReadonlyMap<string, string>;

/** Compares folders by owner and mode, files also by size and time; ignores what is not packed. */
export async function treeState(root: string): Promise<TreeState> {
  const skipped = NOT_PACKED.flatMap((pattern, position) => [...(position > 0 ? ['-o'] : []), '-path', `./${pattern}`]);
  const format = ['(', '-type', 'd', '-printf', '%m %U %G\\t%P\\0', '-o', '-printf', '%m %U %G %s %T@ %l\\t%P\\0', ')'];
  const state = new Map<string, string>();
  let rest = '';
  const result = await run(
    'sh',
    ['-c', 'cd "$1" && shift && exec find . -xdev "$@"', 'sh', root, '(', ...skipped, ')', '-prune', '-o', ...format],
    {
      env: { LC_ALL: 'C' },
      keepBytes: 4096,
      onText: text => {
        const parts = (rest + text).split('\0');
        rest = parts.pop() ?? '';
        for (const part of parts) {
          const at = part.indexOf('\t');
          state.set(part.slice(at + 1), part.slice(0, at));
        }
      },
    },
  );
  if (result.status !== 0) throw toolFailed(`find ${root}`, result);
  return state;
}

export interface TreeChanges {
  added: number;
  changed: number;
  removed: number;
}

export function compareTrees(before: TreeState, after: TreeState): TreeChanges {
  const changes = { added: 0, changed: 0, removed: 0 };
  for (const [path, state] of after) {
    const old = before.get(path);
    if (old === undefined) changes.added += 1;
    else if (old !== state) changes.changed += 1;
  }
  for (const path of before.keys()) if (!after.has(path)) changes.removed += 1;
  return changes;
}
