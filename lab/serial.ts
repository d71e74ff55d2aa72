// The output of a node's serial console, from QEMU's file: read as it grows, and searched for marks.

import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicNow } from '../src/clock.ts';

/** Console output after which a boot goes no further. */
export const DEAD_ENDS: readonly RegExp[] = [
  /Kernel panic - not syncing.*/,
  /No bootable device.*/,
  /Access Denied.*/,
  /You are in emergency mode.*/,
];

export type Found = { match: RegExpMatchArray } | { problem: string };

export interface WaitOptions {
  timeoutMs: number;
  /** Only output after this offset (see `length`) counts. */
  from?: number;
  /** Returns why waiting is pointless (the machine has ended), or undefined. */
  hopeless?: () => string | undefined;
  deadEnds?: readonly RegExp[];
}

export class Serial {
  readonly log: string;
  private readonly socket: string;
  private line: Socket | undefined;

  constructor(log: string, socket: string) {
    this.log = log;
    this.socket = socket;
  }

  /** Returns the output so far, without the terminal's control sequences. */
  text(): string {
    try {
      return plain(readFileSync(this.log, 'utf8'));
    } catch {
      return '';
    }
  }

  length(): number {
    return this.text().length;
  }

  tail(lines = 25): string {
    return this.text()
      .split(/[\r\n]+/)
      .filter(line => line.trim())
      .slice(-lines)
      .join('\n');
  }

  /** Waits until the console shows the mark, or it is clear that it will not. */
  async waitFor(mark: RegExp, options: WaitOptions): Promise<Found> {
    const until = monotonicNow() + options.timeoutMs;
    for (;;) {
      const hopeless = options.hopeless?.();
      const text = this.text().slice(options.from ?? 0);
      const match = text.match(mark);
      if (match) return { match };
      const dead = (options.deadEnds ?? DEAD_ENDS).map(pattern => text.match(pattern)).find(found => found);
      if (dead) return { problem: `the console says: ${dead[0].trim()}` };
      if (hopeless) return { problem: hopeless };
      if (monotonicNow() > until) return { problem: `not seen in ${options.timeoutMs / 1000} s: ${mark.source}` };
      await sleep(100);
    }
  }

  /** Types into the console. The line stays open, because the node reads at its own pace. */
  async type(text: string): Promise<void> {
    if (!this.line || this.line.destroyed) {
      const line = connect(this.socket);
      await new Promise<void>((resolve, reject) => line.once('connect', resolve).once('error', reject));
      // A machine that is switched off cuts the line; its output is in the log.
      line.on('error', () => {});
      line.resume();
      line.unref();
      this.line = line;
    }
    this.line.write(text);
  }

  hangUp(): void {
    this.line?.destroy();
    this.line = undefined;
  }
}

function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the terminal's control sequences.
  return text.replace(/\x1b(\[[0-9;?]*[A-Za-z]|[()][A-Z0-9]|[=>78c])/g, '');
}
