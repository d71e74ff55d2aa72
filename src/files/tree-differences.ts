// The differences between two trees of a file set: what was added, removed and changed, with the lines of texts.
import { lineDifferences } from './line-differences.ts';
import type { TreeEntry } from './tree.ts';

export interface TreeDifference {
  path: string;
  action: 'added' | 'removed' | 'changed';
  /** What changed besides the content: `mode 0644 -> 0600`. */
  about: string[];
  /** Lines with `- ` or `+ ` before them, without those that are equal; none for secrets, bytes and long texts. */
  lines: string[];
  /** Why there are no lines although the content changed. */
  hidden?: 'secret' | 'bytes' | 'long';
}

/** The comparison of two texts takes as long as the product of their lines. */
const MOST_LINES = 2000;

/** Returns the differences in the order of paths. @param secret paths with contents that are never shown */
export function treeDifferences(
  before: readonly TreeEntry[],
  after: readonly TreeEntry[],
  secret: ReadonlySet<string>,
): TreeDifference[] {
  const [old, now] = [byPath(before), byPath(after)];
  const paths = [...new Set([...old.keys(), ...now.keys()])].sort();
  return paths.flatMap((path): TreeDifference[] => {
    const [left, right] = [old.get(path), now.get(path)];
    const about = left && right ? changesOf(left, right) : [];
    const content = contentDifference(left, right, secret.has(path));
    if (left && right && about.length === 0 && content === undefined) return [];
    const action = !left ? 'added' : right ? 'changed' : 'removed';
    return [{ path, action, about, lines: [], ...content }];
  });
}

function byPath(entries: readonly TreeEntry[]): Map<string, TreeEntry> {
  return new Map(entries.map(entry => [entry.path, entry]));
}

function changesOf(left: TreeEntry, right: TreeEntry): string[] {
  const shown = ({ type, mode, owner, group, target, xattrs }: TreeEntry): Record<string, string> => ({
    type,
    mode: mode.toString(8).padStart(4, '0'),
    owner,
    group,
    target,
    'extended attributes': xattrs.map(([name, value]) => `${name}=${value.toString('hex')}`).join(' ') || 'none',
  });
  const [old, now] = [shown(left), shown(right)];
  return Object.keys(old).flatMap(key => (old[key] === now[key] ? [] : [`${key} ${old[key]} -> ${now[key]}`]));
}

function contentDifference(
  left: TreeEntry | undefined,
  right: TreeEntry | undefined,
  isSecret: boolean,
): Pick<TreeDifference, 'lines' | 'hidden'> | undefined {
  const [old, now] = [left?.content ?? Buffer.alloc(0), right?.content ?? Buffer.alloc(0)];
  if (old.equals(now)) return undefined;
  if (isSecret) return { lines: [], hidden: 'secret' };
  if (!isText(old) || !isText(now)) return { lines: [], hidden: 'bytes' };
  const [from, to] = [linesOf(old), linesOf(now)];
  let start = 0;
  while (start < from.length && start < to.length && from[start] === to[start]) start += 1;
  let end = 0;
  while (end < from.length - start && end < to.length - start && from.at(-1 - end) === to.at(-1 - end)) end += 1;
  const [gone, come] = [from.slice(start, from.length - end), to.slice(start, to.length - end)];
  if (Math.max(gone.length, come.length) > MOST_LINES && Math.min(gone.length, come.length) > 0)
    return { lines: [], hidden: 'long' };
  return { lines: lineDifferences(gone, come) };
}

function linesOf(content: Buffer): string[] {
  const text = content.toString();
  if (text === '') return [];
  return text.replace(/\n$/, '').split('\n');
}

function isText(content: Buffer): boolean {
  return !content.includes(0) && Buffer.from(content.toString()).equals(content);
}
