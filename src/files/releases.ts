// Which files were released to running nodes that do not apply changes automatically. In memory: after a restart of the head, such a node
// keeps its files until the next release or boot.
import type { LiveRule } from './live-state.ts';

export class Releases {
  private readonly released = new Map<string, string>();

  /** @param index the digest of the index that the node may have now */
  release(node: string, index: string): void {
    this.released.set(node, index);
  }

  /** @param mode the value of `_files_live` */
  ruleFor(node: string, mode: string | undefined): LiveRule {
    const released = this.released.get(node);
    return { mode: mode === 'manual' ? 'manual' : 'auto', ...(released !== undefined && { released }) };
  }

  forget(node: string): void {
    this.released.delete(node);
  }
}
