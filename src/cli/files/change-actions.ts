// `muster files` that change contents: create, update, put, rm.
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { OBJECTS } from '../../api/objects.ts';
import { MusterError, reasonOf } from '../../errors.ts';
import { readTree } from '../../files/archive.ts';
import { readFolder } from '../../files/folder.ts';
import { withSecret } from '../../files/secret-rule.ts';
import { checkPath, fileTooLarge, isAccount, MOST_FILE, type TreeEntry, withFile } from '../../files/tree.ts';
import { openUnpacked } from '../../image/compressed.ts';
import { sendFiles } from '../assignments.ts';
import { printChanged } from '../differences.ts';
import { dryRun } from '../selection.ts';
import { type Action, action, type Context } from '../table.ts';
import { createSet } from './create-set.ts';
import { fileIn } from './read-actions.ts';
import { changeSet } from './remote-set.ts';
import { pathIn, printSetChange, setAndWords, sortedWords, wrongUse } from './words.ts';

const FROM = {
  flags: '--from <path>',
  meaning: 'take the files of a folder, or of a tar archive (compressed or not)',
  takes: 'files',
} as const;

export const filesCreate = action({
  name: 'create',
  selects: false,
  words: '<name> [field=value...]',
  takes: 'assignments',
  summary: 'create a file set: empty, or with the files of a folder or an archive',
  options: [FROM],
  examples: [
    'muster files create motd',
    'muster files create slurm --from ./slurm-files description="slurm.conf and munge.key"',
    'muster files create hosts --from hosts.tar.gz',
  ],
  async run(context) {
    const { given } = context;
    const { names, fields } = sortedWords(given.words);
    const name = names[0] ?? fields['name'];
    if (name === undefined || names.length > 1) throw wrongUse('create motd', 'needs one name');
    const tree = given.options.from === undefined ? undefined : await treeFrom(context, given.options.from);
    return createSet(context, { ...fields, name }, tree);
  },
});

export const filesUpdate = action({
  name: 'update',
  words: '<name> [field=value...]',
  takes: 'assignments',
  summary: 'change fields of a file set, or replace all its files by those of a folder or an archive',
  options: [FROM],
  examples: ['muster files update slurm --from ./slurm-files --dry-run', 'muster files update slurm description="New"'],
  async run(context) {
    const { client, given } = context;
    const { names, fields } = sortedWords(given.words);
    const ids = [...given.ids, ...names];
    const { from } = given.options;
    if (from === undefined) {
      const parts = { kind: 'files', query: { id: ids, ...dryRun(given) } } as const;
      if (ids.length === 0 || Object.keys(fields).length === 0)
        throw new MusterError('bad-usage', "'update' needs a file set and field=value, or --from PATH.");
      printChanged(context, await client.call(OBJECTS.update, { ...parts, body: await sendFiles(context, fields) }));
      return 0;
    }
    const [id, ...more] = ids;
    if (id === undefined || more.length > 0)
      throw new MusterError(
        'bad-usage',
        "'update --from' needs one file set: muster files update slurm --from ./slurm",
      );
    const tree = await treeFrom(context, from);
    printSetChange(context, await changeSet(context, id, () => tree, fields));
    return 0;
  },
});

/** Returns the files of a folder or of an archive. */
export async function treeFrom({ terminal }: Context, path: string): Promise<TreeEntry[]> {
  const found = await stat(path).catch((error: unknown) => {
    throw new MusterError('bad-value', `${path}: cannot be read: ${reasonOf(error)}`);
  });
  if (found.isDirectory()) return readFolder(path, text => terminal.say(text));
  if (!found.isFile()) throw new MusterError('bad-value', `${path} must be a folder or the file of an archive.`);
  const { output, ended, stop } = await openUnpacked(path);
  try {
    const tree = await readTree(output as AsyncIterable<Buffer>);
    output.resume();
    await ended();
    return tree;
  } finally {
    stop();
  }
}

export const filesPut = action({
  name: 'put',
  words: '<name> <path> <file>',
  takes: 'set-file',
  summary: 'add a file to a file set or replace it; - is standard input',
  options: [
    {
      flags: '--mode <digits>',
      meaning: 'permissions, such as 0600; default: those of the file that it replaces, or of FILE',
    },
    { flags: '--owner <name>', meaning: 'owner on the node; default: as before, or root' },
    { flags: '--group <name>', meaning: 'group on the node; default: as before, or root' },
    { flags: '--secret', meaning: 'make the file secret in the settings of the set, so that its content is encrypted' },
  ],
  examples: [
    'muster files put motd etc/motd ./motd',
    'muster files put munge etc/munge/munge.key - --secret --mode 0400 --owner munge --group munge < munge.key',
  ],
  async run(context) {
    const { given } = context;
    const usage = 'put motd etc/motd ./motd';
    const [id, word, source, ...more] = setAndWords(context, usage);
    if (word === undefined || source === undefined || more.length > 0) throw wrongUse(usage, 'needs a path and a file');
    const path = pathIn(word);
    checkPath(path);
    const { content, mode } = await contentFrom(source, path);
    const attributes = attributesOf(given.options);
    const change = await changeSet(context, id, tree => {
      const isFolder = tree.some(entry => entry.path === path && entry.type === 'folder');
      if (isFolder) throw new MusterError('bad-value', `${path} is a folder of ${id}; name a file.`);
      const changed = withFile(tree, path, content, mode, attributes);
      return given.options.secret ? withSecret(changed, path) : changed;
    });
    printSetChange(context, change);
    return 0;
  },
});

async function contentFrom(source: string, path: string): Promise<{ content: Buffer; mode: number }> {
  try {
    if (source === '-') return { content: await bounded(process.stdin, path), mode: 0o644 };
    const { mode } = await stat(source);
    return { content: await bounded(createReadStream(source), path), mode: mode & 0o777 };
  } catch (error) {
    if (error instanceof MusterError) throw error;
    throw new MusterError('bad-value', `${source}: cannot be read: ${reasonOf(error)}`);
  }
}

/** Reads no more than a file of a set may have. */
async function bounded(source: AsyncIterable<Buffer>, path: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    if (bytes > MOST_FILE) throw fileTooLarge(path);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

type Attributes = Partial<Pick<TreeEntry, 'mode' | 'owner' | 'group'>>;

function attributesOf({
  mode,
  owner,
  group,
}: {
  mode?: string | undefined;
  owner?: string | undefined;
  group?: string | undefined;
}): Attributes {
  if (mode !== undefined && !/^[0-7]{3,4}$/.test(mode))
    throw new MusterError('bad-usage', `--mode '${mode}' must be octal digits, such as 0600.`);
  for (const account of [owner, group])
    if (account !== undefined && !isAccount(account))
      throw new MusterError('bad-usage', `'${account}' must be the name or number of a user or group.`);
  return {
    ...(mode !== undefined && { mode: Number.parseInt(mode, 8) }),
    ...(owner !== undefined && { owner }),
    ...(group !== undefined && { group }),
  };
}

export const filesRemove: Action = {
  name: 'rm',
  words: '<name> <paths...>',
  takes: 'set-paths',
  summary: 'remove files from a file set; a folder with everything in it',
  examples: ['muster files rm hosts etc/motd', 'muster files rm slurm etc/slurm --dry-run'],
  async run(context) {
    const usage = 'rm hosts etc/motd';
    const [id, ...words] = setAndWords(context, usage);
    if (words.length === 0) throw wrongUse(usage, 'needs paths');
    const change = await changeSet(context, id, tree => {
      const isGone = ({ path }: TreeEntry, word: string): boolean =>
        path === pathIn(word) || path.startsWith(`${pathIn(word)}/`);
      // For the error with the nearest right path
      for (const word of words) if (!tree.some(entry => isGone(entry, word))) fileIn(tree, id, word);
      return tree.filter(entry => !words.some(word => isGone(entry, word)));
    });
    printSetChange(context, change);
    return 0;
  },
};
