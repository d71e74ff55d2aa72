// Ctrl-C and SIGTERM during work on an image: ends programs, removes the folder, and prints what was kept.
import { setTimeout as delay } from 'node:timers/promises';
import { interruptedBy, isTerminalLent } from '../../process/run.ts';
import { Interrupted } from '../interrupted.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** How long work that is no program (a download, a digest) has to see that it is over, before its folder is removed all the same. */
const GRACE_MS = 10_000;

export class Interrupt {
  /** What is true when a signal comes now. */
  outcome = 'nothing was kept, and the images are as they were';
  readonly signal: AbortSignal;
  private held: Promise<unknown> = Promise.resolve();

  constructor(signal: AbortSignal) {
    this.signal = signal;
  }

  /** Runs what must not end half way, and after which `outcome` is true; a signal waits for it. */
  async hold<T>(outcome: string, work: () => Promise<T>): Promise<T> {
    this.signal.throwIfAborted();
    const running = work().then(result => {
      this.outcome = outcome;
      return result;
    });
    this.held = running.catch(() => {});
    return running;
  }

  /** Ends when what is held has ended. */
  async settled(): Promise<void> {
    await this.held;
  }
}

/**
 * Runs `work`, then `close`, also when a signal comes meanwhile: then all programs have ended before `close`, and `Interrupted` is
 * thrown after it. A further signal meanwhile changes nothing. Ctrl-C in a shell at the terminal is the shell's own.
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
