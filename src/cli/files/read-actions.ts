// `muster files` that read contents: cat, diff, export.
import { stat } from 'node:fs/promises';
import { replaceFile } from '../../durable/replace.ts';
import { MusterError, reasonOf } from '../../errors.ts';
import { writeTree } from '../../files/archive.ts';
import { readFolder, writeFolder } from '../../files/folder.ts';
import type { TreeEntry } from '../../files/tree.ts';
import { didYouMean } from '../../nearest.ts';
import { isForPrograms, printData } from '../listing.ts';
import type { Action, Context } from '../table.ts';
import { versionsOf } from './list-actions.ts';
import { compared, fetchSet, type RemoteSet } from './remote-set.ts';
import { differenceLines, pathIn, setAndWords, versionOf, wrongUse } from './words.ts';

export const filesCat: Action = {
  name: 'cat',
  aliases: ['get'],
  words: '<name> <path> [version]',
  takes: 'set-paths',
  summary: 'print a file of a file set; reading a secret one is noted in the audit trail',
  examples: ['muster files cat hosts etc/hosts.tmpl', 'muster files get slurm etc/slurm/slurm.conf.tmpl v3'],
  async run(context) {
    const { client, given, terminal } = context;
    const usage = 'cat hosts etc/hosts.tmpl';
    const [id, path, version, ...more] = setAndWords(context, usage);
    if (path === undefined || more.length > 0) throw wrongUse(usage, 'needs a path');
    const { tree } = await fetchSet(client, id, version === undefined ? undefined : versionOf(version));
    const { content } = fileIn(tree, id, path);
    if (isForPrograms(given)) printData(terminal, given, { path: pathIn(path), content: content.toString('base64') });
    else process.stdout.write(content);
    return 0;
  },
};

/** Returns a file of a set by its path in the archive. */
export function fileIn(tree: readonly TreeEntry[], set: string, word: string): TreeEntry {
  const path = pathIn(word);
  const found = tree.find(entry => entry.path === path);
  if (found?.type === 'file') return found;
  if (found)
    throw new MusterError('bad-value', `${path} of ${set} is a ${found.type}${found.target && ` to ${found.target}`}.`);
  const known = tree.flatMap(entry => (entry.type === 'file' ? [entry.path] : []));
  const hint = known.includes(`${path}.tmpl`)
    ? `did you mean '${path}.tmpl'?`
    : didYouMean(path, known, `'muster files show ${set}' lists its files.`);
  throw new MusterError('no-such-object', `The file set ${set} has no ${path}; ${hint}`);
}

export const filesDiff: Action = {
  name: 'diff',
  words: '<name> [before] [after]',
  takes: 'set-paths',
  summary: 'show what differs between two versions of a file set, or between it and a folder or another set',
  examples: [
    'muster files diff hosts',
    'muster files diff hosts v2 v5',
    'muster files diff hosts ./hosts-folder',
    'muster files diff hosts hosts_clone',
  ],
  async run(context) {
    const { client, given, terminal } = context;
    const usage = 'diff hosts v2 v5';
    const [id, first, second, ...more] = setAndWords(context, usage);
    if (more.length > 0) throw wrongUse(usage, 'takes two versions at most');
    const current = await fetchSet(client, id);
    const [before, after] =
      first === undefined
        ? [await previous(context, current), current.tree]
        : second !== undefined || /^v?\d+$/.test(first)
          ? [await other(context, id, first), second === undefined ? current.tree : await other(context, id, second)]
          : [current.tree, await other(context, id, first)];
    const differences = compared(before, after);
    if (isForPrograms(given)) printData(terminal, given, differences);
    else terminal.write(`${differenceLines(differences).join('\n') || 'No difference.'}\n`);
    return 0;
  },
};

/** Returns the files of the version before the current one. */
async function previous({ client }: Context, { object, name }: RemoteSet): Promise<readonly TreeEntry[]> {
  const version = object && versionsOf(object).at(-2);
  if (!version)
    throw new MusterError(
      'no-such-object',
      `The file set ${name} has no earlier version; name something to compare it with.`,
    );
  return (await fetchSet(client, object.uid, version.number)).tree;
}

/** Returns the files of a version, a folder, or another set. */
async function other({ client, terminal }: Context, id: string, word: string): Promise<readonly TreeEntry[]> {
  if (/^v?\d+$/.test(word)) return (await fetchSet(client, id, versionOf(word))).tree;
  const isFolder = (await stat(word).catch(() => undefined))?.isDirectory() === true;
  return isFolder ? readFolder(word, text => terminal.say(text)) : (await fetchSet(client, word)).tree;
}

export const filesExport: Action = {
  name: 'export',
  words: '<name> <target>',
  takes: 'set-file',
  summary: 'write the files of a file set to a new folder, or to an archive FILE.tar',
  examples: ['muster files export hosts ./hosts', 'muster files export hosts hosts.tar'],
  async run(context) {
    const { client, given, terminal } = context;
    const usage = 'export hosts hosts.tar';
    const [id, target, ...more] = setAndWords(context, usage);
    if (target === undefined || more.length > 0) throw wrongUse(usage, 'needs a folder or FILE.tar');
    const { name, tree } = await fetchSet(client, id);
    try {
      if (target.endsWith('.tar')) await replaceFile(target, writeTree(tree));
      else await writeFolder(tree, target, text => terminal.say(text));
    } catch (error) {
      if (error instanceof MusterError) throw error;
      throw new MusterError('download-failed', `${target}: ${reasonOf(error)}. Nothing was left there.`, {
        cause: error,
      });
    }
    if (isForPrograms(given)) printData(terminal, given, { name, target, files: tree.length });
    else terminal.say(`${target}: ${tree.length} files, folders and links of ${name}`);
    return 0;
  },
};
