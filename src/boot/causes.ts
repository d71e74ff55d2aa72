// Power actions since a node's newest boot began: they cause the next one.
import type { BootAction } from './boot.ts';

/** A boot that begins this long after an action is caused by it: large machines test their memory for minutes. Milliseconds. */
const CAUSE_MS = 20 * 60_000;
/** Actions remembered per node, the newest. */
const KEPT = 20;

export interface Cause {
  /** Milliseconds by the clock that never goes back. */
  moment: number;
  text: string;
  kind: 'begin' | 'result' | 'error';
}

export class Causes {
  private readonly byNode = new Map<string, Cause[]>();

  add(node: string, cause: Cause): void {
    const causes = this.byNode.get(node);
    // A result that arrives after the new boot has begun does not cause the one after.
    if (cause.kind === 'begin' || causes) this.byNode.set(node, [...(causes ?? []), cause].slice(-KEPT));
  }

  /** Returns the cause of a boot that begins now, and drops it. @param started the wall time when the boot began */
  take(node: string, now: number, started: number): BootAction[] {
    const causes = this.byNode.get(node) ?? [];
    this.byNode.delete(node);
    return causes
      .filter(({ moment }) => now - moment < CAUSE_MS)
      .map(({ moment, text, kind }) => ({
        at: started - (now - moment),
        text,
        ...(kind === 'error' && { error: true }),
      }));
  }

  forget(node: string): void {
    this.byNode.delete(node);
  }
}
