// Why a node has the file sets that it has, and which of their files hide others.
import type { Explained } from '../api/nodes.ts';
import { MusterError } from '../errors.ts';
import { type HiddenFile, hiddenFiles } from '../files/hidden.ts';
import { EMPTY_SET } from '../files/read-set.ts';
import type { SetContent } from '../files/set-content.ts';
import { shippedSet } from '../files/shipped.ts';
import type { Entry } from '../model/cluster.ts';
import { type FileSets, type FoundSet, fileSetsOf } from '../model/file-sets.ts';
import type { AdminPorts } from './ports.ts';

/** More hidden files are counted in the sentences; programs get them all. */
const MOST_SENTENCES = 20;

/** Returns a function that adds the file sets of a node to what is known of it; it reads each set once. */
export function filesExplainer(ports: Pick<AdminPorts, 'cluster' | 'sets'>) {
  const read = new Map<string, Promise<SetContent>>();
  const contentOf = async ({ name, set }: FoundSet): Promise<SetContent> => {
    if (!set) return (await shippedSet(name))?.content ?? EMPTY_SET;
    const { value } = set;
    if (!value.content) return EMPTY_SET;
    const known = read.get(value.content.sha256) ?? ports.sets.content(value.content, value.name);
    read.set(value.content.sha256, known);
    return known;
  };
  return async (node: Entry<'node'>, explained: Explained): Promise<Explained> => {
    const found = fileSetsOf(ports.cluster, node.value);
    if ('refused' in found) return withWords(explained, [`It gets no files: ${found.refused}.`]);
    if (found.sets.length + found.leftOut.length === 0) return explained;
    const contents: { name: string; content: SetContent }[] = [];
    const problems: string[] = [];
    for (const one of found.sets)
      try {
        contents.push({ name: one.name, content: await contentOf(one) });
      } catch (error) {
        if (!(error instanceof MusterError)) throw error;
        problems.push(error.message);
      }
    const hidden = hiddenFiles(contents);
    const file_sets = {
      sets: found.sets.map(({ name, source }) => ({ name, source })),
      left_out: [...found.leftOut],
      hidden,
    };
    return { ...withWords(explained, [...sentences(found, hidden), ...problems]), file_sets };
  };
}

function withWords(explained: Explained, words: readonly string[]): Explained {
  return { ...explained, words: [...explained.words, ...words] };
}

function sentences({ sets, leftOut }: FileSets, hidden: readonly HiddenFile[]): string[] {
  const names = sets.map(({ name, source }) => `${name} (${source})`).join(', ');
  const all = hidden.map(({ path, by, sets: others }) => `${path} of ${by} hides that of ${others.join(' and ')}.`);
  const more = all.length - MOST_SENTENCES;
  return [
    names === '' ? 'It has no file sets.' : `Its file sets are, in this order: ${names}.`,
    ...leftOut.map(({ name, source, by }) => `The file set ${name} of ${source} is left out by ${by}.`),
    ...all.slice(0, MOST_SENTENCES),
    ...(more > 0 ? [`${more} more files hide others.`] : []),
  ];
}
