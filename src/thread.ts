// A thread that waits for descriptors. An eventfd wakes it for messages, and the descriptors it leaves open are closed when it ends.
import { type ResourceLimits, Worker } from 'node:worker_threads';
import { closeHeld, type HeldDescriptors, noDescriptors } from './descriptors.ts';
import { reasonOf } from './errors.ts';
import { check, type Libc } from './libc.ts';
import { ring } from './wake.ts';

/** The basics of every such thread, next to its own data. */
export interface ThreadBasics {
  /** An eventfd: readable when there is a message. */
  wake: number;
  /** The descriptors of the thread. */
  held: HeldDescriptors;
}

export interface ThreadSpec {
  program: URL;
  name: string;
  /** Its own data. */
  data: object;
  memory?: ResourceLimits | undefined;
}

export class Thread<To, From> {
  /** Resolves with the reason when the thread has ended. */
  readonly gone: Promise<string>;
  private readonly worker: Worker;
  private readonly wake: number;
  private isOver = false;

  /** Throws where the system has no room for a thread. */
  constructor(libc: Libc, { program, name, data, memory }: ThreadSpec, hear: (message: From) => void) {
    const held = noDescriptors();
    this.wake = check(libc.eventfd());
    const workerData: ThreadBasics = { ...data, wake: this.wake, held };
    try {
      this.worker = new Worker(program, { workerData, name, ...(memory && { resourceLimits: memory }) });
    } catch (error) {
      libc.close(this.wake);
      throw error;
    }
    this.worker.on('message', hear);
    this.gone = new Promise(resolve => {
      let reason = 'ended';
      this.worker.once('error', error => {
        reason = reasonOf(error);
      });
      this.worker.once('exit', () => {
        this.isOver = true;
        libc.close(this.wake);
        closeHeld(libc, held);
        resolve(reason);
      });
    });
  }

  /** Sends a message; a thread that has ended gets none. */
  say(message: To): void {
    if (this.isOver) return;
    this.worker.postMessage(message);
    ring(this.wake);
  }

  /** Lets the process end while the thread runs. */
  unref(): void {
    this.worker.unref();
  }
}
