// The trees of stored ISO images, opened on first use; the last few stay open.
import type { IsoFound } from '../boot/plane/ports.ts';
import { IsoTree } from '../image/iso/tree.ts';
import { Latest } from '../latest.ts';

/** Trees in memory; each caches some of its directories. */
const KEPT = 8;

export class IsoImages {
  private readonly blobPath: (sha256: string) => string;
  private readonly trees = new Latest<string, Promise<IsoTree>>(KEPT);

  constructor(blobPath: (sha256: string) => string) {
    this.blobPath = blobPath;
  }

  /** Returns what is at a path of the image: a byte range of the stored file, or a directory's entries. */
  async find(blob: string, path: string): Promise<IsoFound | undefined> {
    const tree = await this.tree(blob);
    const entry = await tree.lookup(path);
    if (!entry || entry.kind === 'link' || entry.problem !== undefined) return undefined;
    if (entry.kind === 'directory') {
      const entries = await tree.list(entry);
      return { entries: entries.map(({ name, kind }) => ({ name, isDirectory: kind === 'directory' })) };
    }
    const { offset, size } = entry;
    const etag = `${blob.slice(0, 32)}-${offset.toString(16)}-${size.toString(16)}`;
    return { file: { path: this.blobPath(blob), offset, size, etag } };
  }

  private async tree(blob: string): Promise<IsoTree> {
    const known = this.trees.get(blob);
    const tree = known ?? IsoTree.open(this.blobPath(blob));
    this.trees.set(blob, tree);
    try {
      return await tree;
    } catch (error) {
      // The next request opens it again: the file may have been restored.
      if (this.trees.get(blob) === tree) this.trees.delete(blob);
      throw error;
    }
  }
}
