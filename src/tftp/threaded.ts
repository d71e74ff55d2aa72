// The event loop's side of the TFTP server's thread: opens the port, starts the thread, starts it again when it falls over.
import { setTimeout } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { closeHeld, noDescriptors } from '../descriptors.ts';
import { reasonOf } from '../errors.ts';
import { check, type Libc } from '../libc.ts';
import { ring } from '../wake.ts';
import { bindUdp, portOf } from './own-socket.ts';
import type { ServerOptions, Surroundings } from './server.ts';
import type { FromThread, ThreadData, ToThread } from './thread-protocol.ts';

const THREAD = new URL('./thread.js', import.meta.url);
/** Between the end of a thread that fell over and the next, in milliseconds. */
const AGAIN_MS = 1000;

export class ThreadedServer {
  port = 0;
  private readonly libc: Libc;
  private readonly options: ServerOptions;
  private readonly surroundings: Omit<Surroundings, 'loop'>;
  private readonly program: URL;
  private readonly closing = new AbortController();
  private worker: Worker | undefined;
  /** The port's socket stays open while one thread follows another: what is asked meanwhile waits in it. */
  private fd = -1;
  private wake = -1;
  private ended: Promise<void> = Promise.resolve();

  constructor(libc: Libc, options: ServerOptions, surroundings: Omit<Surroundings, 'loop'>, program = THREAD) {
    this.libc = libc;
    this.options = options;
    this.surroundings = surroundings;
    this.program = program;
  }

  /** Resolves when requests are answered; rejects when the port is taken or may not be used. */
  async listen(): Promise<void> {
    try {
      this.wake = check(this.libc.eventfd());
      this.fd = bindUdp(this.libc, this.options.address, this.options.port);
      this.port = portOf(this.libc, this.fd);
      const first = this.thread();
      await first.listening;
      this.ended = this.keep(first.ended);
    } catch (error) {
      this.release();
      throw error;
    }
  }

  /** Ends all transfers, each client being told, and resolves when the port is free. */
  async close(): Promise<void> {
    if (this.closing.signal.aborted) return this.ended;
    this.closing.abort();
    this.say({ kind: 'stop' });
    return this.ended;
  }

  private async keep(first: Promise<void>): Promise<void> {
    const { signal } = this.closing;
    const { counts, listeners } = this.surroundings;
    let ended = first;
    for (await ended; !signal.aborted; await ended) {
      counts.set('active', 0);
      await setTimeout(AGAIN_MS, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) break;
      try {
        // Throws where the system has no room for a thread
        const next = this.thread();
        ended = next.ended;
        await next.listening;
        listeners.line('info', { port: this.port }, 'TFTP is served again');
      } catch (error) {
        listeners.line('error', { reason: reasonOf(error) }, 'TFTP could not be started again');
      }
    }
    this.release();
  }

  private thread(): { listening: Promise<void>; ended: Promise<void> } {
    const unheard = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
    const held = noDescriptors();
    const workerData: ThreadData = {
      options: { ...this.options, fd: this.fd },
      wake: this.wake,
      counts: this.surroundings.counts.values,
      unheard,
      held,
    };
    const worker = new Worker(this.program, { workerData, name: 'muster-tftp', resourceLimits: this.options.memory });
    this.worker = worker;
    let isListening = false;
    const listening = new Promise<void>((resolve, reject) => {
      worker.once('error', error => {
        if (isListening)
          this.surroundings.listeners.line('error', { reason: reasonOf(error) }, 'The TFTP server fell over');
        else reject(error);
      });
      worker.on('message', (message: FromThread) => {
        if (message.kind === 'listening') {
          isListening = true;
          resolve();
          return;
        }
        if (message.kind !== 'ask') Atomics.sub(unheard, 0, 1);
        void this.hear(message);
      });
    });
    const ended = new Promise<void>(resolve => {
      worker.once('exit', () => {
        closeHeld(this.libc, held);
        resolve();
      });
    });
    return { listening, ended };
  }

  private async hear(message: Exclude<FromThread, { kind: 'listening' }>): Promise<void> {
    const { listeners, content } = this.surroundings;
    if (message.kind === 'line') listeners.line(...message.line);
    else if (message.kind === 'progress') listeners.progress(message.client, message.look);
    else if (message.kind === 'note') listeners.note(message.client, message.note);
    else {
      const { worker } = this;
      const answer = await content(message.request, message.client, message.mostBlock);
      // An answer for a thread that is no more would be one to another question of the next, or find the server closed
      if (worker === this.worker) this.say({ kind: 'answer', id: message.id, answer });
    }
  }

  private say(message: ToThread): void {
    this.worker?.postMessage(message);
    ring(this.wake);
  }

  private release(): void {
    for (const fd of [this.fd, this.wake]) if (fd >= 0) this.libc.close(fd);
    this.wake = -1;
    this.fd = -1;
    this.worker = undefined;
  }
}
