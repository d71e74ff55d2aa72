// The file sets that come with muster: one folder for each, read once.
import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isShipped } from '../model/shipped-sets.ts';
import { own } from '../own.ts';
import { packageRoot } from '../package-root.ts';
import { contentOf, SCRIPTS, settingsTextOf } from './read-set.ts';
import type { SetContent } from './set-content.ts';
import { readSettings } from './settings.ts';
import { checkedTree, type TreeEntry } from './tree.ts';

const FOLDER = join(packageRoot, 'templates/filesets');

export interface ShippedSet {
  tree: readonly TreeEntry[];
  content: SetContent;
}

const read = new Map<string, Promise<ShippedSet>>();

/** Returns a set that comes with muster, or undefined. */
export async function shippedSet(name: string): Promise<ShippedSet | undefined> {
  if (!isShipped(name)) return undefined;
  const known = read.get(name) ?? readShipped(name);
  read.set(name, known);
  return known;
}

async function readShipped(name: string): Promise<ShippedSet> {
  const tree: TreeEntry[] = [];
  const visit = async (path: string): Promise<void> => {
    for (const child of await readdir(join(FOLDER, name, path))) {
      const childPath = `${path}/${child}`;
      const full = join(FOLDER, name, childPath);
      const isFolder = (await lstat(full)).isDirectory();
      const content = isFolder ? Buffer.alloc(0) : await readFile(full);
      tree.push({ ...entryOf(childPath), type: isFolder ? 'folder' : 'file', content });
      if (isFolder) await visit(childPath);
    }
  };
  await visit('');
  const settings = readSettings(settingsTextOf(tree));
  // A folder without rules belongs to the image, which decides its mode
  const kept = tree.filter(({ type, path }) => type === 'file' || own(settings.files, path) !== undefined);
  const checked = checkedTree(kept);
  return { tree: checked, content: contentOf(checked) };
}

/** Owner and mode do not depend on how muster is installed, so that a set is the same on every head. */
function entryOf(path: string): Omit<TreeEntry, 'type' | 'content'> {
  const mode = path.startsWith(SCRIPTS) ? 0o755 : 0o644;
  return { path, mode, owner: 'root', group: 'root', target: '', xattrs: [] };
}
