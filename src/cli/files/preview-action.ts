// `muster files preview`: which files of nodes would change with their next boot, or with other files in a set.
import { NODE_FILES, type Preview } from '../../api/node-files.ts';
import { foldNodeSet } from '../../model/nodeset.ts';
import { changeLines } from '../file-changes.ts';
import { isForPrograms, printData } from '../listing.ts';
import { chosen } from '../selection.ts';
import { type Action, action, type Context } from '../table.ts';
import { visible } from '../visible.ts';
import { treeFrom } from './change-actions.ts';
import { sendTree } from './remote-set.ts';
import { wrongUse } from './words.ts';

export const filesPreview: Action = action({
  name: 'preview',
  words: '[name=path]',
  takes: 'names',
  summary:
    'show which files of nodes would change with their next boot, nodes with equal changes together; with NAME=PATH, what a folder or archive as the set NAME would change. Here -i selects nodes',
  examples: ['muster files preview', 'muster files preview -i n[0-9]', 'muster files preview slurm=./slurm-files'],
  async run(context) {
    const { client, given, terminal } = context;
    const [word, ...more] = given.words;
    const [, set = '', path = ''] = /^([^=]+)=(.+)$/.exec(word ?? '') ?? [];
    if (more.length > 0 || (word !== undefined && set === ''))
      throw wrongUse('preview slurm=./slurm-files', 'takes one NAME=PATH');
    const query = chosen(given, []);
    const found =
      set === ''
        ? await client.call(NODE_FILES.preview, { query })
        : await client.call(NODE_FILES.try, {
            query,
            body: { set, ...(await sendTree(client, await treeFrom(context, path))) },
          });
    if (isForPrograms(given)) printData(terminal, given, found);
    else terminal.write(previewText(terminal, found));
    return found.failed.length > 0 ? 1 : 0;
  },
});

/** Which files change, nodes with equal changes together. */
export function previewText(terminal: Context['terminal'], { same, groups, failed }: Preview): string {
  const changed = groups.reduce((sum, { nodes }) => sum + nodes.length, 0);
  const lines = [
    `${changed} of ${changed + same + failed.reduce((sum, one) => sum + one.nodes.length, 0)} nodes change`,
  ];
  for (const { nodes, changes } of groups)
    lines.push(
      `${terminal.bold(foldNodeSet(nodes))} (${nodes.length}):`,
      ...changes.flatMap(one => changeLines(terminal, one)),
    );
  for (const { nodes, reason } of failed)
    lines.push(`${terminal.bold(foldNodeSet(nodes))} (${nodes.length}): ${terminal.red(visible(reason))}`);
  return `${lines.join('\n')}\n`;
}
