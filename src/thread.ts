// A thread that waits for descriptors. An eventfd wakes it for messages, and the descriptors it leaves open are closed when it ends.
import { type ResourceLimits, Worker } from 'node:worker_threads';
import { closeHeld, type HeldDescriptors, noDescriptors } from './descriptors.ts';
import { reasonOf } from './errors.ts';
import { check, type Libc } from './libc.ts';
import { Pulse } from './pulse.ts';
import { type Ping, ring } from './wake.ts';

/** How often a thread is pinged, in milliseconds, and the pings without an answer that mean a hang. */
const PING_MS = 5000;
const UNANSWERED = 6;

/** The basics of every such thread, next to its own data. */
export interface ThreadBasics {
  /** An eventfd: readable when there is a message. */
  wake: number;
  /** The descriptors of the thread. */
  held: HeldDescriptors;
  /** One shared number: the pings that the thread answered. */
  pulse: Int32Array;
}

export interface ThreadSpec {
  program: URL;
  name: string;
  /** Its own data. */
  data: object;
  memory?: ResourceLimits | undefined;
  /** Milliseconds between pings. */
  pingMs?: number | undefined;
  /** Receives the reason when a thread that hangs does not end. */
  stuck?: ((reason: string) => void) | undefined;
}

export class Thread<To, From> {
  /** Resolves with the reason when the thread has ended. */
  readonly gone: Promise<string>;
  private readonly worker: Worker;
  private readonly wake: number;
  private readonly pulse = new Pulse(UNANSWERED);
  private readonly answered = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  private isOver = false;
  /** Set when the thread is ended because it hangs. */
  private hung: string | undefined;

  /** Throws where the system has no room for a thread. */
  constructor(libc: Libc, spec: ThreadSpec, hear: (message: From) => void) {
    const { program, name, data, memory } = spec;
    const held = noDescriptors();
    this.wake = check(libc.eventfd());
    const workerData: ThreadBasics = { ...data, wake: this.wake, held, pulse: this.answered };
    try {
      this.worker = new Worker(program, { workerData, name, ...(memory && { resourceLimits: memory }) });
    } catch (error) {
      libc.close(this.wake);
      throw error;
    }
    this.worker.on('message', (message: From) => {
      this.pulse.heard();
      hear(message);
    });
    const watching = this.watch(spec);
    this.gone = new Promise(resolve => {
      let reason = 'ended';
      this.worker.once('error', error => {
        reason = reasonOf(error);
      });
      this.worker.once('exit', () => {
        this.isOver = true;
        clearInterval(watching);
        libc.close(this.wake);
        closeHeld(libc, held);
        resolve(this.hung ?? reason);
      });
    });
  }

  /** Sends a message; a thread that has ended gets none. */
  say(message: To): void {
    this.post(message);
  }

  private post(message: To | Ping): void {
    if (this.isOver) return;
    this.worker.postMessage(message);
    ring(this.wake);
  }

  /** Ends the thread, whatever it does. */
  end(): void {
    void this.worker.terminate();
  }

  /** Whether the thread answers no pings, and is being ended. */
  get isHung(): boolean {
    return this.hung !== undefined;
  }

  /** Pings the thread, and ends it when it hangs. */
  private watch({ pingMs = PING_MS, stuck }: ThreadSpec): NodeJS.Timeout {
    const seconds = (pingMs * UNANSWERED) / 1000;
    let heard = 0;
    const timer = setInterval(() => {
      const answered = Atomics.load(this.answered, 0);
      if (answered !== heard) this.pulse.heard();
      heard = answered;
      const next = this.pulse.tick();
      if (next === 'ping') this.post({ kind: 'ping' });
      else if (next === 'hung') {
        this.hung = `hung for ${seconds} s and was ended`;
        this.end();
      } else if (next === 'stuck')
        stuck?.(
          `hangs for more than ${seconds} s, and does not end: a disk or a file system of the head does not answer`,
        );
    }, pingMs);
    timer.unref();
    return timer;
  }

  /** Lets the process end while the thread runs. */
  unref(): void {
    this.worker.unref();
  }
}
