// Threads that send files, so that all processors send images, and no answer waits behind them.
import { availableParallelism } from 'node:os';
import { monotonicNow } from '../clock.ts';
import { Crew } from '../crew.ts';
import type { Libc } from '../libc.ts';
import { Thread, type ThreadSpec } from '../thread.ts';
import type { FromSender, ToSender } from './sender-protocol.ts';

/** More threads than this are more than any network card needs. */
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
  /** Whether the peer reset the connection. */
  reset: boolean;
}

interface Job {
  bytes: number;
  progress(bytes: number): void;
  resolve(sent: SentPiece): void;
}

export class Senders {
  private readonly crew: Crew<Sender>;
  private lastId = 0;

  /** @param failed receives the reason when a thread crashes or hangs; another one starts a moment later */
  constructor(
    libc: Libc,
    failed: (reason: string) => void,
    {
      most = Math.min(MOST, availableParallelism()),
      program = THREAD,
      now = monotonicNow,
      pingMs,
    }: { most?: number; program?: URL | undefined; now?: () => number; pingMs?: number } = {},
  ) {
    this.crew = new Crew({
      places: most,
      start: () => new Sender(libc, { program, pingMs, stuck: failed }),
      report: (_place, reason) => failed(reason),
      now,
    });
  }

  /** Whether there are threads to send with. */
  get available(): boolean {
    return this.crew.isThere;
  }

  /**
   * Sends a piece of a file; less than requested when the connection ended, the file is shorter, `stop` came, or the thread
   * crashed.
   * @param progress receives the bytes that the kernel has accepted, at most twice a second
   */
  async send(piece: Piece, progress: (bytes: number) => void, stop: AbortSignal): Promise<SentPiece> {
    const sender = this.sender();
    if (!sender) return { bytes: 0, slow: false, reset: false };
    this.lastId = (this.lastId % 0xffff_ffff) + 1;
    const id = this.lastId;
    const drop = (): void => sender.say({ kind: 'drop', id });
    const sent = new Promise<SentPiece>(resolve => sender.jobs.set(id, { bytes: 0, progress, resolve }));
    sender.say({ kind: 'send', id, ...piece });
    stop.addEventListener('abort', drop, { once: true });
    if (stop.aborted) drop();
    try {
      return await sent;
    } finally {
      stop.removeEventListener('abort', drop);
    }
  }

  /** Ends the threads; none starts again. */
  close(): void {
    this.crew.close();
    for (const sender of this.crew.all) sender.end();
  }

  /** Returns the sender with the least to do; starts another while all are busy. */
  private sender(): Sender | undefined {
    const working = this.crew.all.filter(({ isHung }) => !isHung);
    const [least] = working.sort((left, right) => left.jobs.size - right.jobs.size);
    return (least?.jobs.size === 0 ? undefined : this.crew.another()) ?? least;
  }
}

/** One thread with its jobs. */
class Sender {
  readonly gone: Promise<string>;
  readonly jobs = new Map<number, Job>();
  private readonly thread: Thread<ToSender, FromSender[]>;

  constructor(libc: Libc, spec: Pick<ThreadSpec, 'program' | 'pingMs' | 'stuck'>) {
    this.thread = new Thread(libc, { ...spec, name: 'muster-sender', data: {} }, news => {
      for (const one of news) this.hear(one);
    });
    // A listener keeps the process alive again
    this.thread.unref();
    this.gone = this.thread.gone.then(reason => {
      // Nobody knows how much of its pieces went out since its last news: their connections are cut, and the clients resume
      // elsewhere
      for (const id of this.jobs.keys()) this.hear({ id, bytes: 0, ended: true, slow: false, reset: false });
      return reason;
    });
  }

  say(message: ToSender): void {
    this.thread.say(message);
  }

  end(): void {
    this.thread.end();
  }

  get isHung(): boolean {
    return this.thread.isHung;
  }

  private hear({ id, bytes, ended, slow, reset }: FromSender): void {
    const job = this.jobs.get(id);
    if (!job) return;
    job.bytes += bytes;
    if (bytes > 0) job.progress(bytes);
    if (!ended) return;
    this.jobs.delete(id);
    job.resolve({ bytes: job.bytes, slow, reset });
  }
}
