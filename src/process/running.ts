// A running program: its end, and how to end it, even if something that it has started holds its pipes.
import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';

/** The pause between the two signals that end a program, in milliseconds. */
const KILL_MS = 2000;
/** How long to wait for the pipes of an ended program, in milliseconds: something that it started may hold them for ever. */
const PIPES_MS = 500;

/** A program that may be ended: itself, and, if it has its own process group, everything it has started. */
export class Running {
  readonly child: ChildProcess;
  private readonly isGroup: boolean;
  private exit: { code: number | null; signal: NodeJS.Signals | null } | undefined;
  private isOver = false;
  private readonly timers: NodeJS.Timeout[] = [];
  private settle: (status: number) => void = () => {};

  constructor(child: ChildProcess, isGroup: boolean) {
    this.child = child;
    this.isGroup = isGroup;
  }

  /** Resolves with the exit status when all output has arrived, or soon after the program was ended. */
  async ended(): Promise<number> {
    return new Promise<number>((resolve, reject) => {
      this.settle = resolve;
      this.child.once('error', reject);
      this.child.once('close', (code, signal) => resolve(statusOf(code, signal)));
      this.child.once('exit', (code, signal) => {
        this.exit = { code, signal };
        if (this.isOver) this.settleSoon(PIPES_MS);
      });
    });
  }

  /** SIGKILL after a grace, unless it has ended by then: for a program that was sent SIGTERM. */
  killSoon(): void {
    const timer = setTimeout(() => this.signal('SIGKILL'), KILL_MS);
    this.child.once('exit', () => clearTimeout(timer));
  }

  /** SIGKILL. */
  end(): void {
    this.signal('SIGKILL');
    this.isOver = true;
    this.settleSoon(PIPES_MS);
  }

  endAfter(milliseconds: number): void {
    const term = (): void => {
      this.signal('SIGTERM');
      this.isOver = true;
      if (this.exit) this.settleSoon(PIPES_MS);
      this.timers.push(setTimeout(() => this.end(), KILL_MS));
    };
    this.timers.push(setTimeout(term, milliseconds));
  }

  /** Cancels what is still to come. */
  done(): void {
    for (const timer of this.timers) clearTimeout(timer);
  }

  private settleSoon(milliseconds: number): void {
    const settle = (): void => {
      const { code = null, signal = 'SIGKILL' as const } = this.exit ?? {};
      this.settle(statusOf(code, signal));
      this.child.stdout?.destroy();
      this.child.stderr?.destroy();
    };
    this.timers.push(setTimeout(settle, milliseconds));
  }

  private signal(name: NodeJS.Signals): void {
    if (this.isGroup) signalGroup(this.child.pid, name);
    else this.child.kill(name);
  }
}

/** Returns the exit status as in a shell: 128 and the signal's number when a signal ended the program. */
export function statusOf(code: number | null, signal: NodeJS.Signals | null): number {
  return code ?? 128 + (signal ? constants.signals[signal] : 0);
}

function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // It has already ended.
  }
}
