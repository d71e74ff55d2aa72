// Creates a file set as an object: with the files of a folder or an archive, or of a set that comes with muster.
import { OBJECTS } from '../../api/objects.ts';
import { contentOf } from '../../files/read-set.ts';
import type { TreeEntry } from '../../files/tree.ts';
import { sendFiles } from '../assignments.ts';
import { printChanged } from '../differences.ts';
import { dryRun } from '../selection.ts';
import type { Context } from '../table.ts';
import { fetchSet, sendTree } from './remote-set.ts';

type Fields = Readonly<Record<string, string>>;

export async function createSet(context: Context, fields: Fields, tree?: readonly TreeEntry[]): Promise<number> {
  const { client, given } = context;
  // Finds mistakes, of a dry run too.
  if (tree) contentOf(tree);
  const sent = await sendFiles(context, fields);
  const content = tree === undefined || given.dryRun ? {} : { content: await sendTree(client, tree) };
  const body = { ...sent, ...content };
  printChanged(context, await client.call(OBJECTS.create, { kind: 'files', query: dryRun(given), body }));
  return 0;
}

/** Copies a set that comes with muster, so that it can be changed. */
export async function cloneShipped(context: Context, id: string, fields: Fields): Promise<number> {
  const { tree } = await fetchSet(context.client, id);
  return createSet(context, fields, tree);
}
