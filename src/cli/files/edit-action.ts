// `muster files edit`: one file of a set in the administrator's editor.
import { chmod, readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { openNew, writeWhole } from '../../durable/replace.ts';
import { MusterError } from '../../errors.ts';
import { SETTINGS } from '../../files/settings.ts';
import { checkPath, type TreeEntry, withFile } from '../../files/tree.ts';
import { runOnTerminal } from '../../process/run.ts';
import { temporaryFolder } from '../../process/temporary.ts';
import type { Action, Context } from '../table.ts';
import { changeable, changeSet, fetchSet, type SetChange } from './remote-set.ts';
import { pathIn, printSetChange, setAndWords, wrongUse } from './words.ts';

export const filesEdit: Action = {
  name: 'edit',
  words: '<name> [path]',
  takes: 'set-paths',
  summary:
    'change a file of a file set in your editor ($VISUAL, $EDITOR or vi); without a path, the settings of the set',
  examples: ['muster files edit hosts etc/hosts.tmpl', 'muster files edit munge'],
  async run(context) {
    const usage = 'edit hosts etc/hosts.tmpl';
    const [id, word, ...more] = setAndWords(context, usage);
    if (more.length > 0) throw wrongUse(usage, 'takes one path');
    const path = word === undefined ? SETTINGS : pathIn(word);
    checkPath(path);
    const set = await fetchSet(context.client, id);
    const object = changeable(set);
    const before = set.tree.find(entry => entry.path === path);
    if (before && before.type !== 'file')
      throw new MusterError('bad-value', `${path} is a ${before.type} of ${id}; only files can be edited.`);
    const folder = await temporaryFolder('muster-edit-');
    const draft = join(folder, basename(path));
    let isDone = false;
    try {
      await writeDraft(draft, before?.content ?? Buffer.alloc(0));
      const content = await edited(draft);
      printSetChange(context, await store(context, object.uid, path, before, content));
      isDone = true;
    } catch (error) {
      const isKept = await isWorthKeeping(draft, before);
      isDone = !isKept;
      if (!isKept || !(error instanceof MusterError)) throw error;
      throw new MusterError(error.code, error.message, { cause: error, hint: `Your text is in ${draft}.` });
    } finally {
      if (isDone) await rm(folder, { recursive: true, force: true });
    }
    return 0;
  },
};

async function writeDraft(draft: string, content: Buffer): Promise<void> {
  const handle = await openNew(draft);
  try {
    await writeWhole(handle, content, 0);
  } finally {
    await handle.close();
  }
}

/** Runs the editor as git does: its words are the shell's, the file is an argument. */
async function edited(draft: string): Promise<Buffer> {
  const editor = process.env['VISUAL'] || process.env['EDITOR'] || 'vi';
  const status = await runOnTerminal('sh', ['-c', `${editor} "$1"`, 'sh', draft]);
  if (status !== 0)
    throw new MusterError('tool-failed', `The editor '${editor}' ended with status ${status}; nothing was changed.`);
  // Some editors write a new file.
  await chmod(draft, 0o600);
  return readFile(draft);
}

/** Stores the text unless somebody has changed this very file; changes of other files are kept. */
async function store(
  context: Context,
  id: string,
  path: string,
  before: TreeEntry | undefined,
  content: Buffer,
): Promise<SetChange> {
  return changeSet(context, id, tree => {
    const now = tree.find(entry => entry.path === path);
    if (now?.type !== before?.type || (now && before && !now.content.equals(before.content)))
      throw new MusterError('conflict', `Somebody changed ${path} after you opened it; nothing was changed.`);
    if (content.equals(before?.content ?? Buffer.alloc(0))) return tree;
    return withFile(tree, path, content);
  });
}

async function isWorthKeeping(draft: string, before: TreeEntry | undefined): Promise<boolean> {
  const text = await readFile(draft).catch(() => undefined);
  return text !== undefined && text.length > 0 && !text.equals(before?.content ?? Buffer.alloc(0));
}
