// Trees and archives of file sets, built for tests.
import type { TreeEntry } from '../../src/files/tree.ts';

const NOTHING = { owner: 'root', group: 'root', content: Buffer.alloc(0), target: '', xattrs: [] };

export function file(path: string, content: string | Buffer, more: Partial<TreeEntry> = {}): TreeEntry {
  return { ...NOTHING, type: 'file', path, mode: 0o644, content: Buffer.from(content as string), ...more };
}

export function folder(path: string, more: Partial<TreeEntry> = {}): TreeEntry {
  return { ...NOTHING, type: 'folder', path, mode: 0o755, ...more };
}

export function link(path: string, target: string): TreeEntry {
  return { ...NOTHING, type: 'link', path, mode: 0o777, target };
}

/** The tree of a set with these settings and further entries. */
export function withSettings(toml: string, ...entries: TreeEntry[]): TreeEntry[] {
  return [file('/.fileset/set.toml', toml), ...entries];
}
