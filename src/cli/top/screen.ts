// The whole terminal for one program: the alternate screen, single keys, and the old state restored at the end, however it ends.
import { keysIn } from './keys.ts';

const ENTER = '\u001b[?1049h\u001b[?25l\u001b[2J';
const LEAVE = '\u001b[?25h\u001b[?1049l';

export interface ScreenEvents {
  key(name: string): void;
  /** The screen changed size, or must be redrawn. */
  redraw(): void;
  /** A signal, the end of the input, or Ctrl-C: the program must end. */
  end(): void;
}

export class Screen {
  private readonly events: ScreenEvents;
  private isOpen = false;
  private readonly undo: (() => void)[] = [];

  constructor(events: ScreenEvents) {
    this.events = events;
  }

  get size(): { width: number; height: number } {
    return { width: process.stdout.columns || 80, height: process.stdout.rows || 24 };
  }

  open(): void {
    this.take();
    this.on(process.stdout, 'resize', () => this.events.redraw());
    this.on(process.stdin, 'end', () => this.events.end());
    this.on(process.stdin, 'data', (chunk: string) => {
      for (const name of keysIn(chunk)) this.pressed(name);
    });
    // A terminal that is gone accepts no output.
    this.on(process.stdout, 'error', () => this.events.end());
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const)
      this.on(process, signal, () => this.events.end());
    this.on(process, 'SIGCONT', () => {
      if (this.isOpen) return;
      this.take();
      this.events.redraw();
    });
    // Unexpected: restores the terminal before the error is printed on it.
    this.on(process, 'exit', () => this.leave());
  }

  /** Restores the terminal. */
  close(): void {
    this.leave();
    for (const undo of this.undo.splice(0)) undo();
    process.stdin.pause();
  }

  /** Overwrites the old lines from the top, so that nothing flickers. */
  draw(lines: readonly string[]): void {
    if (this.isOpen)
      process.stdout.write(`\u001b[H${lines.map(line => `${line}\u001b[0m\u001b[K`).join('\r\n')}\u001b[J`);
  }

  private pressed(name: string): void {
    if (name === 'interrupt') this.events.end();
    else if (name === 'suspend') this.suspend();
    else this.events.key(name);
  }

  /** Ctrl-Z gives the terminal to the shell; SIGCONT takes it back. */
  private suspend(): void {
    this.leave();
    process.kill(process.pid, 'SIGSTOP');
  }

  private take(): void {
    this.isOpen = true;
    process.stdin.setEncoding('utf8');
    process.stdin.setRawMode?.(true);
    process.stdin.resume();
    process.stdout.write(ENTER);
  }

  private leave(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    process.stdin.setRawMode?.(false);
    process.stdout.write(LEAVE);
  }

  private on(emitter: NodeJS.EventEmitter, name: string, listener: (chunk: string) => void): void {
    emitter.on(name, listener);
    this.undo.push(() => emitter.off(name, listener));
  }
}
