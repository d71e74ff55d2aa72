// When the files of running nodes got into their current state. In memory: after a restart of musterd this is unknown until the next change.
import type { FilesState } from './live-state.ts';

export interface SeenState {
  state: FilesState;
  reason?: string;
}

interface Known {
  boot: string;
  seen: string;
  /** Milliseconds since 1970; undefined when it began before musterd did. */
  at: number | undefined;
}

export class FilesSince {
  private readonly known = new Map<string, Known>();

  /**
   * Notes the state of a node that is up, and returns when it began: milliseconds since 1970, undefined when that is not known.
   * @param boot the boot of the system, and whether it began after musterd did
   */
  see(
    node: string,
    boot: { id: string; isNew: boolean },
    { state, reason = '' }: SeenState,
    now: number,
  ): number | undefined {
    const before = this.known.get(node);
    const seen = `${state} ${reason}`;
    if (before?.boot === boot.id && before.seen === seen) return before.at;
    const at = before || boot.isNew ? now : undefined;
    this.known.set(node, { boot: boot.id, seen, at });
    return at;
  }

  forget(node: string): void {
    this.known.delete(node);
  }
}
