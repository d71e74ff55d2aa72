// Copies a set that comes with muster into an object, which can be changed.
import { OBJECTS } from '../../api/objects.ts';
import { sendFiles } from '../assignments.ts';
import { printChanged } from '../differences.ts';
import { dryRun } from '../selection.ts';
import type { Context } from '../table.ts';
import { fetchSet, sendTree } from './remote-set.ts';

export async function cloneShipped(
  context: Context,
  id: string,
  fields: Readonly<Record<string, string>>,
): Promise<number> {
  const { client, given } = context;
  const { tree } = await fetchSet(client, id);
  const content = given.dryRun ? {} : { content: await sendTree(client, tree) };
  const body = { ...(await sendFiles(context, fields)), ...content };
  printChanged(context, await client.call(OBJECTS.create, { kind: 'files', query: dryRun(given), body }));
  return 0;
}
