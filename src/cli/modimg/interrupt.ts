// Ctrl-C and SIGTERM during work on an image: ends programs, removes the folder, and prints what was kept.
import { setTimeout as delay } from 'node:timers/promises';
import { interruptedBy, isTerminalLent } from '../../process/run.ts';
import { Interrupted } from '../interrupted.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** How long work inside this process (a download, a digest) may take to stop before its folder is removed anyway, in milliseconds. */
const GRACE_MS = 10_000;

export class Interrupt {
  /** The outcome if a signal arrives now. */
  outcome = 'nothing was kept, and the images are unchanged';
  readonly signal: AbortSignal;
  private held: Promise<unknown> = Promise.resolve();

  constructor(signal: AbortSignal) {
    this.signal = signal;
  }

  /** Runs work that must complete; a signal waits for it. Afterwards `outcome` is true. */
  async hold<T>(outcome: string, work: () => Promise<T>): Promise<T> {
    this.signal.throwIfAborted();
    const running = work().then(result => {
      this.outcome = outcome;
      return result;
    });
    this.held = running.catch(() => {});
    return running;
  }

  /** Resolves when the held work has ended. */
  async settled(): Promise<void> {
    await this.held;
  }
}

/**
 * Runs `work`, then `close`, even if a signal arrives: then all programs end before `close`, and `Interrupted` is
 * thrown after it. A further signal changes nothing. Ctrl-C in a shell at the terminal belongs to the shell.
 */
export async function interruptible<T>(
  work: (interrupt: Interrupt) => Promise<T>,
  close: () => Promise<void>,
): Promise<T> {
  const controller = new AbortController();
  const interrupt = new Interrupt(controller.signal);
  let name: (typeof SIGNALS)[number] | undefined;
  const interrupted = new Promise<void>(resolve => controller.signal.addEventListener('abort', () => resolve()));
  const onSignal = (signal: (typeof SIGNALS)[number]): void => {
    if (signal === 'SIGINT' && isTerminalLent()) return;
    name ??= signal;
    controller.abort();
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  try {
    const running = interruptedBy(controller.signal, async () => work(interrupt));
    const settled = running.then(
      () => {},
      () => {},
    );
    await Promise.race([settled, interrupted]);
    if (name === undefined) return await running;
    await Promise.race([settled, delay(GRACE_MS, undefined, { ref: false })]);
    await interrupt.settled();
    throw new Interrupted(name, interrupt.outcome);
  } finally {
    await close();
    for (const signal of SIGNALS) process.off(signal, onSignal);
  }
}
