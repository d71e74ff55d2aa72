// Threads that send files, so that the bytes of images leave by as many processors as there are, and no answer waits behind them.
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { closeHeld, noDescriptors } from '../descriptors.ts';
import type { Libc } from '../libc.ts';
import { ring } from '../wake.ts';
import type { FromSender, SenderData, ToSender } from './sender-protocol.ts';

/** More threads than this are more than any network card wants. */
const MOST = 4;
const THREAD = new URL('./sender-thread.js', import.meta.url);

export interface Piece {
  /** A connection that does not block; stays open until `send` resolves. */
  socket: number;
  file: number;
  position: number;
  length: number;
}

export interface SentPiece {
  bytes: number;
  /** Whether it had to wait for the disk. */
  slow: boolean;
}

interface Job {
  bytes: number;
  progress(bytes: number): void;
  resolve(sent: SentPiece): void;
}

interface Thread {
  worker: Worker;
  wake: number;
  jobs: Map<number, Job>;
}

export class Senders {
  private readonly libc: Libc;
  private most: number;
  private readonly program: URL;
  private readonly threads: Thread[] = [];
  private lastId = 0;
  private readonly failed: (error: unknown) => void;

  /** @param failed is told why there are no threads any more: one fell over, and none is started after that */
  constructor(
    libc: Libc,
    failed: (error: unknown) => void,
    { most = Math.min(MOST, availableParallelism()), program = THREAD } = {},
  ) {
    this.libc = libc;
    this.failed = failed;
    this.most = most;
    this.program = program;
  }

  /** Whether there are threads to send by. */
  get available(): boolean {
    return this.most > 0;
  }

  /**
   * Sends a piece of a file; less than asked for when the connection ended, the file is shorter, `stop` came, or the thread fell over.
   * @param progress is told of bytes that the kernel has taken, twice a second at most
   */
  async send(piece: Piece, progress: (bytes: number) => void, stop: AbortSignal): Promise<SentPiece> {
    const thread = this.thread();
    if (!thread) return { bytes: 0, slow: false };
    this.lastId = (this.lastId % 0xffff_ffff) + 1;
    const id = this.lastId;
    const drop = (): void => say(thread, { kind: 'drop', id });
    const sent = new Promise<SentPiece>(resolve => thread.jobs.set(id, { bytes: 0, progress, resolve }));
    say(thread, { kind: 'send', id, ...piece });
    stop.addEventListener('abort', drop, { once: true });
    if (stop.aborted) drop();
    try {
      return await sent;
    } finally {
      stop.removeEventListener('abort', drop);
    }
  }

  /** The one with the least to do; another is started while all have something. */
  private thread(): Thread | undefined {
    const [least] = [...this.threads].sort((left, right) => left.jobs.size - right.jobs.size);
    const another = this.threads.length < this.most && least?.jobs.size !== 0 ? this.start() : undefined;
    return another ?? least;
  }

  private start(): Thread | undefined {
    const wake = this.libc.eventfd();
    if (typeof wake !== 'number') return undefined;
    const held = noDescriptors();
    const workerData: SenderData = { wake, held };
    const worker = new Worker(this.program, { workerData, name: 'muster-sender' });
    const thread: Thread = { worker, wake, jobs: new Map() };
    this.threads.push(thread);
    worker.on('message', (news: FromSender[]) => {
      for (const one of news) hear(thread, one);
    });
    worker.once('error', this.failed);
    worker.once('exit', () => {
      // How much of its pieces went out since its last news nobody knows: their connections are cut, and the clients go on elsewhere
      this.most = 0;
      this.threads.splice(this.threads.indexOf(thread), 1);
      this.libc.close(wake);
      closeHeld(this.libc, held);
      for (const id of thread.jobs.keys()) hear(thread, { id, bytes: 0, ended: true, slow: false });
    });
    // A listener holds the process again
    worker.unref();
    return thread;
  }
}

function say(thread: Thread, message: ToSender): void {
  thread.worker.postMessage(message);
  ring(thread.wake);
}

function hear(thread: Thread, { id, bytes, ended, slow }: FromSender): void {
  const job = thread.jobs.get(id);
  if (!job) return;
  job.bytes += bytes;
  if (bytes > 0) job.progress(bytes);
  if (!ended) return;
  thread.jobs.delete(id);
  job.resolve({ bytes: job.bytes, slow });
}
