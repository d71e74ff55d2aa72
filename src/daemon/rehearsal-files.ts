// The files of a node's file sets as lines of a rehearsal: which sets, which file hides which, and what the node gets.
import type { RenderedEntry } from '../files/rendered.ts';
import type { Refused } from '../refused.ts';
import type { NodeFileList } from './node-files.ts';

/** Returns lines for people; no content, so no secret. */
export function fileLines(list: NodeFileList | Refused | undefined): string[] {
  if (!list) return ['file sets: none'];
  if ('refused' in list) return [`file sets: ${list.refused}`];
  const { sets, leftOutSets, hidden, leftOut, rendered } = list;
  return [
    `file sets: ${sets.map(({ name, source }) => `${name} (${source})`).join(', ')}`,
    ...leftOutSets.map(({ name, source, by }) => `file set left out: ${name} (${source}), by ${by}`),
    ...hidden.map(({ path, sets: others, by }) => `hidden: ${path} of ${others.join(', ')}, by ${by}`),
    ...leftOut.map(({ path, reason }) => `left out: ${path}: ${reason}`),
    ...rendered.entries.map(entryLine),
    ...rendered.scripts.map(({ stage, name, content }) => `script at ${stage}: ${name}, ${content.length} bytes`),
    ...rendered.changes.map(({ paths, action, what }) => `after a change of ${paths.join(' ')}: ${action} ${what}`),
  ];
}

function entryLine({ type, path, mode, owner, group, content, sha256, target, secret, origin }: RenderedEntry): string {
  const rights = `${mode.toString(8).padStart(4, '0')} ${owner}:${group}`;
  const from = `from ${origin.set}:${origin.file}`;
  if (type === 'folder') return `folder ${path}: ${rights}`;
  if (type === 'link') return `link ${path} to ${target}, ${from}`;
  // The digest of a short secret would help to guess it
  const size = secret ? 'secret' : `${content.length} bytes, sha256 ${sha256.slice(0, 12)}`;
  return `file ${path}: ${rights}, ${size}, ${from}`;
}
