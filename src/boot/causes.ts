// What was done to nodes' power since their newest boot began: it is why the next one begins.
import type { BootAction } from './boot.ts';

/** A boot that begins so long after an action is its doing: large machines test their memory for minutes. Milliseconds. */
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
    // A result that is known when the new boot has begun is no cause of the one after.
    if (cause.kind === 'begin' || causes) this.byNode.set(node, [...(causes ?? []), cause].slice(-KEPT));
  }

  /** Returns what caused a boot that begins now, and forgets it. @param started the wall time of the boot's begin */
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
