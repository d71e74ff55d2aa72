// What a node fetches: the index of its files, followed by the contents that it does not have.
import type { Index } from './index-text.ts';

export interface Wanted {
  /** SHA-256, in hex. */
  sha256: string;
  size: number;
}

/** Returns the contents of an index in the order of a bundle: each once, where the index first names it. Empty ones are not sent. */
export function contentsOf(index: Index): Wanted[] {
  const files = index.entries.filter(({ type }) => type === 'file');
  const contents = new Map<string, Wanted>();
  for (const { sha256, size } of [...files, ...index.scripts])
    if (size > 0 && !contents.has(sha256)) contents.set(sha256, { sha256, size });
  return [...contents.values()];
}

/** Returns what a bundle has after its index, for a node with these digests. */
export function missingContents(index: Index, has: ReadonlySet<string>): Wanted[] {
  return contentsOf(index).filter(({ sha256 }) => !has.has(sha256));
}
