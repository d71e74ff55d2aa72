// The last panic that the kernel of each node sent to the syslog port, by netconsole; bounded. In memory only: whoever has a node's
// address can send such a line, so it changes no state.
import type { PanicLook } from '../boot/evidence.ts';
import { monotonicNow } from '../clock.ts';
import { Latest } from '../latest.ts';

/** Nodes kept, those that panicked last, and characters kept of a line. */
const KEPT = 1024;
const TEXT = 200;

/** How every panic begins (kernel/panic.c), and what follows when the root is missing or the first process ended. */
const PANIC = /Kernel panic - not syncing(?:: (?<reason>.*))?/;
const CAUSES: readonly (readonly [PanicLook['because'], RegExp])[] = [
  ['no-root', /^VFS: Unable to mount root/],
  ['init-ended', /^Attempted to kill init/],
  ['no-memory', /^(?:Out of memory|System is deadlocked on memory)/],
];

export class Panics {
  private readonly now: () => number;
  private readonly byNode = new Latest<string, Omit<PanicLook, 'ago'> & { moment: number }>(KEPT);

  constructor(now = monotonicNow) {
    this.now = now;
  }

  /** A line of a node's syslog. */
  heard(node: string, text: string): void {
    const found = PANIC.exec(text);
    // The line at its end repeats the first one
    if (!found || text.includes('end Kernel panic')) return;
    const reason = found.groups?.['reason'] ?? '';
    const because = CAUSES.find(([, says]) => says.test(reason))?.[0];
    this.byNode.set(node, { moment: this.now(), text: found[0].slice(0, TEXT), ...(because && { because }) });
  }

  /** Returns the last panic of a node within that many seconds. */
  of(node: string, within: number): PanicLook | undefined {
    const found = this.byNode.get(node);
    if (!found) return undefined;
    const { moment, ...look } = found;
    const ago = (this.now() - moment) / 1000;
    return ago <= within ? { ...look, ago } : undefined;
  }

  get size(): number {
    return this.byNode.size;
  }
}
