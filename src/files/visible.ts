// Which files of several sets count; src/files/hidden.ts says which do not.
import type { SetContent, SetEntry } from './set-content.ts';

export interface RenderSet {
  name: string;
  content: SetContent;
}

/** An entry of a set that is not hidden. */
export interface Visible {
  set: string;
  entry: SetEntry;
  partials: Readonly<Record<string, string>>;
}

/** Returns the entries that count, in the order of the sets: a later set hides the files of an earlier one. */
export function visibleEntries(sets: readonly RenderSet[]): Visible[] {
  const found = new Map<string, Visible>();
  for (const { name, content } of sets)
    for (const entry of content.entries) {
      // At the end, also where the path is that of an earlier set
      found.delete(entry.path);
      found.set(entry.path, { set: name, entry, partials: content.partials });
    }
  return [...found.values()];
}
