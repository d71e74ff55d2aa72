// Bundles of a node's files for tests of the node's side: what the head would send.
import { contentsOf } from '../../src/files/bundle.ts';
import { indexText, readIndex } from '../../src/files/index-text.ts';
import type { Rendered, RenderedEntry } from '../../src/files/rendered.ts';
import type { OnChange, StageScript } from '../../src/files/set-content.ts';
import { renderedEntry, sha256 } from '../files/build.ts';

export interface Bundle {
  index: string;
  /** SHA-256 of the index, in hex. */
  digest: string;
  /** Returns what the head sends to a node that has these contents. */
  bytes(has?: ReadonlySet<string>): Buffer;
}

export { sha256 };

/** The test's own user may own files; only root may give them to others. */
const OWN = { owner: String(process.getuid?.() ?? 0), group: String(process.getgid?.() ?? 0) };

export function entry(path: string, content: string, more: Partial<RenderedEntry> = {}): RenderedEntry {
  return renderedEntry(path, content, { ...OWN, ...more });
}

export function bundle(
  entries: readonly RenderedEntry[],
  scripts: readonly StageScript[] = [],
  changes: readonly OnChange[] = [],
): Bundle {
  const sorted = entries.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const rendered: Rendered = { entries: sorted, scripts, changes, leftOut: [] };
  const index = indexText(rendered);
  const read = readIndex(index);
  if ('refused' in read) throw new Error(read.refused);
  const contents = new Map([...entries, ...scripts].map(({ content }) => [sha256(content), content]));
  const bytes = (has: ReadonlySet<string> = new Set()): Buffer => {
    const sent = contentsOf(read).filter(content => !has.has(content.sha256));
    return Buffer.concat([Buffer.from(index), ...sent.map(content => contents.get(content.sha256) ?? Buffer.alloc(0))]);
  };
  return { index, digest: sha256(index), bytes };
}
