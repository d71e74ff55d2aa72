// One worker process as the daemon sees it: it gets connections and answers, and it ends exactly once, for whatever reason.
import { type ChildProcess, fork } from 'node:child_process';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { reasonOf } from '../errors.ts';
import { Pulse } from '../pulse.ts';
import type { Admission, Note, Report, TargetDirectory, TargetNote } from './directory.ts';
import type { IscsiLimits } from './limits.ts';
import type { Traffic } from './traffic.ts';
import { type Answer, type FromWorker, LIMITS_VARIABLE, type ToWorker, type WorkerLimits } from './worker-protocol.ts';

export interface WorkerPorts {
  directory: TargetDirectory;
  note: Note;
  report: Report;
  /** The limits of the worker. */
  limits: WorkerLimits;
  /** How long its channel may stall, and how many connections may wait for it. */
  bounds: Pick<IscsiLimits, 'loginMs' | 'pending'>;
  /** Receives what was done since the last call. */
  traffic(more: Traffic): void;
  /** Milliseconds of a steady clock. */
  now(): number;
}

/** How long an orderly end may take beyond its grace, in milliseconds. A later one has nothing to save: its disks are read-only. */
const END_MS = 2000;

/** Ticks without an answer to a ping that mean a hang: one tick is a second. */
const UNANSWERED = 30;

const WORKER = fileURLToPath(new URL('./worker.js', import.meta.url));

export class WorkerProcess {
  /** Resolves with the reason when the process has ended, or could not be started. */
  readonly gone: Promise<string>;
  /** Its sessions, as last reported. */
  sessions = 0;
  private readonly child: ChildProcess;
  private readonly ports: WorkerPorts;
  /** Admissions held by its sessions, by the id of the question. */
  private readonly held = new Map<number, Admission>();
  /** The login of each of its sessions, by the peer. */
  private readonly loggedIn = new Map<string, TargetNote>();
  /** Connections that wait for room in the channel. */
  private readonly waiting = new Set<Socket>();
  /** When the channel last accepted a connection, or the first one began to wait. */
  private moved = 0;
  private readonly pulse = new Pulse(UNANSWERED);

  /** Throws when the system cannot start a process. */
  constructor(ports: WorkerPorts) {
    this.ports = ports;
    this.child = fork(WORKER, [], {
      env: { ...process.env, [LIMITS_VARIABLE]: JSON.stringify(ports.limits) },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.child.on('message', (message: FromWorker) => this.receive(message));
    // Without its channel it serves nobody.
    this.child.once('disconnect', () => this.child.kill('SIGKILL'));
    this.gone = this.whenGone();
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  /** Passes a connection to the worker. Closes it when the worker is ending or has too many: the initiator retries. */
  take(socket: Socket): void {
    const isThere = this.child.pid !== undefined && this.child.connected;
    if (!isThere || this.waiting.size >= this.ports.bounds.pending) {
      socket.destroy();
      return;
    }
    if (this.waiting.size === 0) this.moved = this.ports.now();
    this.waiting.add(socket);
    // Kept open here until it has left: Node drops a connection given to a process that then dies.
    this.child.send({ kind: 'connection' } satisfies ToWorker, socket, { keepOpen: true }, () => {
      this.waiting.delete(socket);
      this.moved = this.ports.now();
      socket.destroy();
    });
  }

  /** Checks the time: kills a worker that answers no ping, or accepts no connection for as long as a login may last. */
  tick(): void {
    this.ping();
    if (this.waiting.size === 0 || this.ports.now() - this.moved <= this.ports.bounds.loginMs) return;
    const { pid } = this.child;
    this.ports.report(`worker process ${pid} took none of ${this.waiting.size} connections in time and is killed`);
    this.moved = this.ports.now();
    this.child.kill('SIGKILL');
  }

  private ping(): void {
    const next = this.pulse.tick();
    if (next === 'ping') this.send({ kind: 'ping' });
    if (next !== 'hung') return;
    this.ports.report(`worker process ${this.child.pid} answered nothing for ${UNANSWERED} s and is killed`);
    this.child.kill('SIGKILL');
  }

  /** Sends a message to the worker; one that is ending ignores it. */
  send(message: ToWorker): void {
    if (this.child.connected) this.child.send(message, () => {});
  }

  /** Resolves when the process is gone. */
  async close(graceMs: number): Promise<void> {
    this.send({ kind: 'close', graceMs });
    const kill = setTimeout(() => this.child.kill('SIGKILL'), graceMs + END_MS);
    await this.gone;
    clearTimeout(kill);
  }

  private async whenGone(): Promise<string> {
    const { child } = this;
    const reason = await new Promise<string>(resolve => {
      child.once('exit', (status, signal) =>
        resolve(signal ? `was ended by ${signal}` : `ended with status ${status}`),
      );
      child.on('error', error => {
        // A process that never started has no exit; later failures are followed by one.
        if (child.pid === undefined) resolve(`could not be started: ${reasonOf(error)}`);
      });
    });
    for (const admission of this.held.values()) admission.release?.();
    this.held.clear();
    for (const note of this.loggedIn.values()) this.ports.note({ ...note, event: 'dropped', reason });
    this.loggedIn.clear();
    if (child.connected) child.disconnect();
    for (const socket of this.waiting) socket.destroy();
    this.waiting.clear();
    return reason;
  }

  /** Passes a note on, and remembers the current sessions: their end is noted too when the process ends. */
  private takeNote(note: TargetNote): void {
    if (note.event === 'login') this.loggedIn.set(note.peer, note);
    else if (note.event !== 'disk-failed') this.loggedIn.delete(note.peer);
    this.ports.note(note);
  }

  private receive(message: FromWorker): void {
    if (message.kind === 'note') this.takeNote(message.note);
    else if (message.kind === 'pong') this.pulse.heard();
    else if (message.kind === 'report') this.ports.report(message.problem);
    else if (message.kind === 'traffic') {
      this.ports.traffic(message.traffic);
      this.sessions = message.sessions;
    } else if (message.kind === 'release') {
      this.held.get(message.id)?.release?.();
      this.held.delete(message.id);
    } else {
      const { id } = message;
      this.answer(message).then(
        answer => this.send({ kind: 'answer', id, answer }),
        error => this.send({ kind: 'failed', id, reason: reasonOf(error) }),
      );
    }
  }

  private async answer(question: FromWorker & { kind: 'discover' | 'authorize' }): Promise<Answer> {
    const { directory } = this.ports;
    if (question.kind === 'discover') return directory.discover(question.visitor);
    const answer = await directory.authorize(question.visitor);
    if ('refused' in answer) return answer;
    const { chap, serial, session, file } = answer;
    const others = (answer.others ?? []).flatMap(({ device: _, file: path, ...other }) =>
      path === undefined ? [] : [{ ...other, file: path }],
    );
    if (file === undefined || others.length < (answer.others?.length ?? 0) || !this.child.connected) {
      answer.release?.();
      return {
        refused: 'its disk can be opened by the daemon only, and it was sent to a worker',
        status: 'service-unavailable',
      };
    }
    this.held.set(question.id, answer);
    return { file, serial, others, ...(chap ? { chap } : {}), ...(session === undefined ? {} : { session }) };
  }
}
