// Which files of several sets count: those of a later set hide those of an earlier one.
import type { SetContent, SetEntry } from './set-content.ts';

export interface RenderSet {
  name: string;
  content: SetContent;
}

export interface HiddenFile {
  path: string;
  set: string;
  /** The set with the file that is used. */
  by: string;
}

/** An entry of a set that is not hidden. */
export interface Visible {
  set: string;
  entry: SetEntry;
  partials: Readonly<Record<string, string>>;
}

/** Returns the entries that count, and those that a later set hides. */
export function visibleEntries(sets: readonly RenderSet[]): { visible: Visible[]; hidden: HiddenFile[] } {
  const found = new Map<string, Visible>();
  const hidden: HiddenFile[] = [];
  for (const { name, content } of sets)
    for (const entry of content.entries) {
      const before = found.get(entry.path);
      // Two sets may have one folder: the later one says its owner and mode
      if (before && (entry.type !== 'folder' || before.entry.type !== 'folder'))
        hidden.push({ path: entry.path, set: before.set, by: name });
      // In the order of the sets, also where a path is that of an earlier one
      found.delete(entry.path);
      found.set(entry.path, { set: name, entry, partials: content.partials });
    }
  return { visible: [...found.values()], hidden };
}
