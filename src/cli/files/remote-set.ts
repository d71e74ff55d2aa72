// The contents of file sets on the head, for the command line: fetches a tree, changes it, and stores it if nobody was faster.
import { buffer } from 'node:stream/consumers';
import type { AdminClient } from '../../api/client.ts';
import { FILE_SETS } from '../../api/file-sets.ts';
import { OBJECTS, revisionTag, type Shown } from '../../api/objects.ts';
import { MusterError } from '../../errors.ts';
import { readTree, writeTree } from '../../files/archive.ts';
import { contentOf, secretPathsOf } from '../../files/read-set.ts';
import type { TreeEntry } from '../../files/tree.ts';
import { type TreeDifference, treeDifferences } from '../../files/tree-differences.ts';
import type { Context } from '../table.ts';
import { findSet } from './find-set.ts';

/** A file set as it was read. */
export interface RemoteSet {
  /** Undefined for a set that comes with muster. */
  object: Shown | undefined;
  name: string;
  tree: readonly TreeEntry[];
}

/** How often a change is repeated when somebody else changes the set at the same moment. */
const TRIES = 5;

/** Returns a set with its files; those of an earlier version if one is named. */
export async function fetchSet(client: AdminClient, id: string, version?: number): Promise<RemoteSet> {
  const object = await findSet({ client }, id);
  const name = object?.name ?? id;
  if (object?.['content'] === null && version === undefined) return { object, name, tree: [] };
  const query = version === undefined ? {} : { version: String(version) };
  const { body } = await client.download(FILE_SETS.archive, { params: { id: object?.uid ?? id }, query });
  return { object, name, tree: await readTree(await buffer(body)) };
}

/** Returns the object of a set; throws for one that comes with muster, which cannot change. */
export function changeable({ object, name }: RemoteSet): Shown {
  if (object) return object;
  throw new MusterError(
    'bad-value',
    `The file set ${name} comes with muster and cannot be changed; clone it first: muster files clone ${name} ${name}`,
  );
}

/** Stores files as an upload that an object can refer to. */
export async function sendTree(client: AdminClient, tree: readonly TreeEntry[]): Promise<{ upload: string }> {
  // Its mistakes are found before it is sent.
  contentOf(tree);
  return { upload: (await client.uploadBytes(writeTree(tree))).id };
}

export interface SetChange {
  name: string;
  differences: TreeDifference[];
  dryRun: boolean;
}

/**
 * Changes the files of a set. `edit` gets the files of that moment; when somebody else changes the set meanwhile, it is called
 * again. @param fields further fields to change
 */
export async function changeSet(
  { client, given }: Pick<Context, 'client' | 'given'>,
  id: string,
  edit: (tree: readonly TreeEntry[]) => readonly TreeEntry[],
  fields: Readonly<Record<string, unknown>> = {},
): Promise<SetChange> {
  for (let attempt = 1; ; attempt += 1) {
    const set = await fetchSet(client, id);
    const { tree } = set;
    const object = changeable(set);
    const changed = edit(tree);
    const differences = compared(tree, changed);
    const result = { name: object.name, differences, dryRun: given.dryRun };
    // Finds mistakes, of a dry run too.
    contentOf(changed);
    if (given.dryRun || (differences.length === 0 && Object.keys(fields).length === 0)) return result;
    const content = differences.length === 0 ? {} : { content: await sendTree(client, changed) };
    try {
      const parts = { kind: 'files', params: { id: object.uid }, ifMatch: revisionTag(object) } as const;
      await client.call(OBJECTS.updateOne, { ...parts, body: { ...fields, ...content } });
      return result;
    } catch (error) {
      if (!(error instanceof MusterError) || error.code !== 'conflict' || attempt >= TRIES) throw error;
    }
  }
}

/** Returns the differences of two trees; what is secret in one of them stays hidden. */
export function compared(before: readonly TreeEntry[], after: readonly TreeEntry[]): TreeDifference[] {
  return treeDifferences(before, after, new Set([...secretPathsOf(before), ...secretPathsOf(after)]));
}
