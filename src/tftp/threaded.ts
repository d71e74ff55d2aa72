// The event loop's side of the TFTP server's thread: opens the port, starts the thread, starts it again when it crashes.
import { setTimeout } from 'node:timers/promises';
import { reasonOf } from '../errors.ts';
import type { Libc } from '../libc.ts';
import { Thread, type ThreadBasics } from '../thread.ts';
import { bindUdp, portOf } from './own-socket.ts';
import type { ServerOptions, Surroundings } from './server.ts';
import type { FromThread, ThreadData, ToThread } from './thread-protocol.ts';

const THREAD = new URL('./thread.js', import.meta.url);
/** The pause between the end of a crashed thread and the next, in milliseconds. */
const AGAIN_MS = 1000;

/** The thread's messages, and reports about it. */
export interface ThreadSurroundings extends Omit<Surroundings, 'loop'> {
  /** The thread has ended, or could not be started again. */
  crashed(reason: string, message: string): void;
}

export class ThreadedServer {
  port = 0;
  private readonly libc: Libc;
  private readonly options: ServerOptions;
  private readonly surroundings: ThreadSurroundings;
  private readonly program: URL;
  private readonly closing = new AbortController();
  private thread: Thread<ToThread, FromThread> | undefined;
  /** The port's socket stays open from one thread to the next: requests in between wait in it. */
  private fd = -1;
  private ended: Promise<unknown> = Promise.resolve();

  constructor(libc: Libc, options: ServerOptions, surroundings: ThreadSurroundings, program = THREAD) {
    this.libc = libc;
    this.options = options;
    this.surroundings = surroundings;
    this.program = program;
  }

  /** Resolves when requests are answered; rejects when the port is taken or not allowed. */
  async listen(): Promise<void> {
    try {
      this.fd = bindUdp(this.libc, this.options.address, this.options.port);
      this.port = portOf(this.libc, this.fd);
      const first = this.start();
      await first.listening;
      this.ended = this.keep(first.ended);
    } catch (error) {
      this.release();
      throw error;
    }
  }

  /** Ends all transfers with an error to each client, and resolves when the port is free. */
  async close(): Promise<void> {
    if (this.closing.signal.aborted) return void (await this.ended);
    this.closing.abort();
    this.thread?.say({ kind: 'stop' });
    await this.ended;
  }

  private async keep(first: Promise<string>): Promise<void> {
    const { signal } = this.closing;
    const { counts, listeners, crashed } = this.surroundings;
    let ended = first;
    for (await ended; !signal.aborted; await ended) {
      counts.set('active', 0);
      await setTimeout(AGAIN_MS, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) break;
      try {
        // Throws if the system has no room for a thread
        const next = this.start();
        ended = next.ended;
        await next.listening;
        listeners.line('info', { port: this.port }, 'TFTP is served again');
      } catch (error) {
        crashed(reasonOf(error), 'TFTP could not be started again');
      }
    }
    this.release();
  }

  private start(): { listening: Promise<void>; ended: Promise<string> } {
    const { counts, crashed } = this.surroundings;
    const unheard = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
    const data: Omit<ThreadData, keyof ThreadBasics> = {
      options: { ...this.options, fd: this.fd },
      counts: counts.values,
      unheard,
    };
    const spec = {
      ...{ program: this.program, name: 'muster-tftp', data },
      ...{ memory: this.options.memory, pingMs: this.options.pingMs },
      stuck: (reason: string) => crashed(reason, 'The TFTP server hangs'),
    };
    let isListening = false;
    let listens: () => void = () => {};
    const thread = new Thread<ToThread, FromThread>(this.libc, spec, message => {
      if (message.kind === 'listening') {
        isListening = true;
        listens();
        return;
      }
      if (message.kind !== 'ask') Atomics.sub(unheard, 0, 1);
      void this.hear(message);
    });
    this.thread = thread;
    const listening = new Promise<void>((resolve, reject) => {
      listens = resolve;
      void thread.gone.then(reason => {
        if (!isListening) reject(new Error(reason));
        else if (!this.closing.signal.aborted) crashed(reason, 'The TFTP server crashed');
      });
    });
    return { listening, ended: thread.gone };
  }

  private async hear(message: Exclude<FromThread, { kind: 'listening' }>): Promise<void> {
    const { listeners, content } = this.surroundings;
    if (message.kind === 'line') listeners.line(...message.line);
    else if (message.kind === 'progress') listeners.progress(message.client, message.look);
    else if (message.kind === 'note') listeners.note(message.client, message.note);
    else {
      const { thread } = this;
      const answer = await content(message.request, message.client, message.mostBlock);
      // For a thread that has ended, the answer would belong to another question of the next one, or find the server closed
      if (thread === this.thread) this.thread?.say({ kind: 'answer', id: message.id, answer });
    }
  }

  private release(): void {
    if (this.fd >= 0) this.libc.close(this.fd);
    this.fd = -1;
    this.thread = undefined;
  }
}
