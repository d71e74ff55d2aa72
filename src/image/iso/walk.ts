// Walks an ISO image once: finds directories with package repositories, and checks that the file is complete.
import { badIso } from './records.ts';
import type { IsoEntry, IsoTree } from './tree.ts';

/** More than any installation medium has; a malicious image stops here. */
const ENTRIES = 500_000;
const DEPTH = 64;
/** Total bytes of directories. */
const DIRECTORY_BYTES = 256 << 20;

export interface Survey {
  /** Directories that hold `repodata/repomd.xml`, in the order of the image; the root is ''. */
  repositories: string[];
  /** Where the last file ends, in bytes of the image. */
  end: number;
  /** The file that ends there. */
  last: string;
}

/** Reads every directory once, however often the image names it; does not follow links. */
export async function surveyIso(tree: IsoTree): Promise<Survey> {
  const survey: Survey = { repositories: [], end: 0, last: '' };
  const seen = new Set<number>();
  const waiting: { path: string; entry: IsoEntry; depth: number }[] = [{ path: '', entry: tree.root, depth: 0 }];
  let entries = 0;
  let bytes = 0;
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    if (seen.has(next.entry.offset)) continue;
    seen.add(next.entry.offset);
    bytes += next.entry.size;
    if (bytes > DIRECTORY_BYTES) throw badIso('its directories are larger than an image can need');
    for (const entry of await tree.list(next.entry)) {
      entries += 1;
      if (entries > ENTRIES) throw badIso(`it has more than ${ENTRIES} entries`);
      const path = next.path === '' ? entry.name : `${next.path}/${entry.name}`;
      if (entry.kind === 'directory' && next.depth < DEPTH) waiting.push({ path, entry, depth: next.depth + 1 });
      if (entry.kind === 'file' && /(^|\/)repodata\/repomd\.xml$/.test(path))
        survey.repositories.push(path.replace(/\/?repodata\/repomd\.xml$/, ''));
      if (entry.kind === 'file' && entry.size > 0 && entry.offset + entry.size > survey.end) {
        survey.end = entry.offset + entry.size;
        survey.last = path;
      }
    }
  }
  return survey;
}
