// Which files of a node's sets hide which: where two sets have one path, the later one is used.

export interface HiddenFile {
  path: string;
  /** The set with the file that is used. */
  by: string;
  /** The sets with files that are not used, the last one first. */
  sets: string[];
}

/** A set as far as this needs it. */
interface Shown {
  name: string;
  content: { entries: readonly { path: string; type: 'file' | 'folder' | 'link' }[] };
}

/** Returns the hidden files of sets in their order. Folders in several sets are one folder and hide nothing. */
export function hiddenFiles(sets: readonly Shown[]): HiddenFile[] {
  const having = new Map<string, { set: string; type: string }[]>();
  for (const { name, content } of sets)
    for (const { path, type } of content.entries) {
      const rows = having.get(path) ?? [];
      having.set(path, [{ set: name, type }, ...rows]);
    }
  return [...having]
    .filter(([, rows]) => rows.length > 1 && rows.some(({ type }) => type !== 'folder'))
    .map(([path, [used, ...others]]) => ({ path, by: used?.set ?? '', sets: others.map(({ set }) => set) }))
    .sort((left, right) => (left.path < right.path ? -1 : 1));
}
