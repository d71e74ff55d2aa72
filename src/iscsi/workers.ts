// The target on more than one CPU: the daemon accepts and decides who may log in; processes of its own serve what only reads.
import { type ChildProcess, fork } from 'node:child_process';
import { createServer, type Server, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { reasonOf } from '../errors.ts';
import type { Admission } from './directory.ts';
import { type IscsiOptions, IscsiTarget } from './server.ts';
import { addTraffic, noTraffic, type Traffic } from './traffic.ts';
import { type Answer, type FromWorker, LIMITS_VARIABLE, type ToWorker } from './worker-protocol.ts';

/**
 * Which worker serves a peer, from 0; `here` for a disk that only this process may open, such as an overlay. The same address always
 * has the same answer while it has sessions: a session can only take the place of an older one (RFC 7143 §6.3.5) in its own process.
 */
export type Route = (address: string, workers: number) => number | 'here';

export interface WorkersOptions extends IscsiOptions {
  /** How many processes; 0 serves everything here. */
  workers: number;
  /** By the last part of the address when absent, so that neighbours are spread. */
  route?: Route;
}

interface WorkerProcess {
  child: ChildProcess;
  /** Admissions that its sessions hold, by the id of the question. */
  held: Map<number, Admission>;
  /** Sessions that it has, as it last said. */
  sessions: number;
}

/** How long a worker that ended is not started again, in milliseconds: one that cannot start must not take a CPU by starting. */
const RESTART_MS = 500;

const WORKER = fileURLToPath(new URL('./worker.js', import.meta.url));

export class IscsiWorkers {
  private readonly options: WorkersOptions;
  private readonly route: Route;
  private readonly here: IscsiTarget;
  private readonly workers: (WorkerProcess | undefined)[] = [];
  private server: Server | undefined;
  /** What the workers have done, those that have ended too. */
  private readonly elsewhere = noTraffic();
  /** When each worker last ended, by its place, in milliseconds of a steady clock. */
  private readonly ended: number[] = [];
  private closing = false;

  constructor(options: WorkersOptions) {
    this.options = options;
    this.route = options.route ?? byAddress;
    this.here = new IscsiTarget(options);
  }

  /** The processes that are there, by pid. */
  get pids(): number[] {
    return this.workers.flatMap(worker => worker?.child.pid ?? []);
  }

  /** What was done since the start, in every process, and the sessions that there are; of workers as of a second ago. */
  get traffic(): Traffic & { sessions: number } {
    const sum = { ...this.here.traffic };
    addTraffic(sum, this.elsewhere);
    return { ...sum, sessions: this.workers.reduce((all, one) => all + (one?.sessions ?? 0), this.here.sessionCount) };
  }

  /** Resolves with the port when connections are accepted. Rejects when the address cannot be had. */
  async listen(port: number, host: string): Promise<number> {
    const server = createServer({ noDelay: true, pauseOnConnect: true }, socket => this.accept(socket));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ port, host, backlog: 1024 }, resolve);
    });
    this.server = server;
    const address = server.address();
    return typeof address === 'object' && address ? address.port : port;
  }

  /** As `IscsiTarget.endSessions`, in every process. */
  endSessions(which: { target?: string; initiator?: string }, reason: string): void {
    this.here.endSessions(which, reason);
    for (const worker of this.workers) if (worker) send(worker.child, { kind: 'end', which, reason });
  }

  /** As `IscsiTarget.close`, in every process. */
  async close(graceMs = 0): Promise<void> {
    this.closing = true;
    this.server?.close();
    const gone = this.workers.map(async worker => {
      if (!worker) return;
      const { child } = worker;
      const exited = new Promise<void>(resolve => child.once('exit', () => resolve()));
      send(child, { kind: 'close', graceMs });
      // One that does not end in time has nothing to save: its disks are read-only.
      const kill = setTimeout(() => child.kill('SIGKILL'), graceMs + 2000);
      await exited;
      clearTimeout(kill);
    });
    await Promise.all([this.here.close(graceMs), ...gone]);
  }

  private accept(socket: Socket): void {
    const address = socket.remoteAddress?.replace(/^::ffff:/, '') ?? '';
    const { workers } = this.options;
    const place = workers === 0 ? 'here' : this.route(address, workers);
    if (place === 'here') {
      this.here.accept(socket);
      return;
    }
    // Started when there is something to serve: a cluster without iSCSI nodes has no process more.
    const worker = this.workers[place] ?? this.start(place);
    // A worker that has just ended: the initiator comes again.
    if (!worker?.child.connected) socket.destroy();
    else worker.child.send({ kind: 'connection' } satisfies ToWorker, socket, error => error && socket.destroy());
  }

  private start(index: number): WorkerProcess | undefined {
    if (this.closing || performance.now() - (this.ended[index] ?? Number.NEGATIVE_INFINITY) < RESTART_MS)
      return undefined;
    const child = fork(WORKER, [], {
      env: { ...process.env, [LIMITS_VARIABLE]: JSON.stringify(this.options.limits ?? {}) },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const worker: WorkerProcess = { child, held: new Map(), sessions: 0 };
    this.workers[index] = worker;
    child.on('message', (message: FromWorker) => this.hear(worker, message));
    child.on('error', () => {});
    child.once('exit', () => {
      for (const admission of worker.held.values()) admission.release?.();
      worker.held.clear();
      this.workers[index] = undefined;
      this.ended[index] = performance.now();
    });
    return worker;
  }

  private hear(worker: WorkerProcess, message: FromWorker): void {
    if (message.kind === 'note') {
      this.options.note(message.note);
    } else if (message.kind === 'traffic') {
      addTraffic(this.elsewhere, message.traffic);
      worker.sessions = message.sessions;
    } else if (message.kind === 'release') {
      worker.held.get(message.id)?.release?.();
      worker.held.delete(message.id);
    } else {
      const { id } = message;
      this.answer(worker, message).then(
        answer => send(worker.child, { kind: 'answer', id, answer }),
        error => send(worker.child, { kind: 'failed', id, reason: reasonOf(error) }),
      );
    }
  }

  private async answer(
    worker: WorkerProcess,
    question: FromWorker & { kind: 'discover' | 'authorize' },
  ): Promise<Answer> {
    const { directory } = this.options;
    if (question.kind === 'discover') return directory.discover(question.visitor);
    const answer = await directory.authorize(question.visitor);
    if ('refused' in answer) return answer;
    const { chap, serial, session, file } = answer;
    if (file === undefined || !worker.child.connected) {
      answer.release?.();
      return {
        refused: 'its disk can be opened by the daemon only, and it was sent to a worker',
        status: 'service-unavailable',
      };
    }
    worker.held.set(question.id, answer);
    return { file, serial, ...(chap ? { chap } : {}), ...(session === undefined ? {} : { session }) };
  }
}

function send(child: ChildProcess, message: ToWorker): void {
  // Whoever ends while it is spoken to is dealt with at its exit.
  if (child.connected) child.send(message, () => {});
}

export function byAddress(address: string, workers: number): number {
  const last = /[0-9a-f]+$/i.exec(address)?.[0] ?? '0';
  return Number.parseInt(last, 16) % workers;
}
