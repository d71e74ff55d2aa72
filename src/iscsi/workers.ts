// The target on more than one CPU: the daemon accepts and decides who may log in; separate processes serve read-only disks.
import type { Server, Socket } from 'node:net';
import { monotonicNow } from '../clock.ts';
import { Crew } from '../crew.ts';
import type { Report } from './directory.ts';
import { ISCSI_LIMITS, type IscsiLimits } from './limits.ts';
import { listen } from './listen.ts';
import { everySoOften, type IscsiOptions, IscsiTarget, TICK_MS, warn } from './server.ts';
import { addTraffic, noTraffic, type Traffic } from './traffic.ts';
import { WorkerProcess } from './worker-process.ts';

/**
 * Returns which worker serves a peer, from 0; `here` for a disk that only this process may open, such as an overlay. An address
 * always has the same worker while it has sessions: a session can only replace an older one (RFC 7143 §6.3.5) in its own process.
 */
export type Route = (address: string, workers: number) => number | 'here';

export interface WorkersOptions extends IscsiOptions {
  /** How many processes; 0 serves everything here. */
  workers: number;
  /** Receives the address of each connection. */
  accepted?: (address: string) => void;
  /** By the last part of the address when absent, so that neighbours are spread. */
  route?: Route;
}

export class IscsiWorkers {
  private readonly options: WorkersOptions;
  private readonly route: Route;
  private readonly here: IscsiTarget;
  private readonly crew: Crew<WorkerProcess>;
  private readonly servers: Server[] = [];
  private readonly limits: IscsiLimits;
  private readonly report: Report;
  private readonly now: () => number;
  private readonly stopTicking: () => void;
  /** What the workers have done, including those that have ended. */
  private readonly elsewhere = noTraffic();

  constructor(options: WorkersOptions) {
    this.options = options;
    this.route = options.route ?? byAddress;
    this.limits = { ...ISCSI_LIMITS, ...options.limits };
    this.report = options.report ?? warn;
    this.now = options.now ?? monotonicNow;
    this.here = new IscsiTarget(options);
    this.crew = new Crew({
      places: options.workers,
      start: () => this.start(),
      report: (place, reason) => this.report(`worker process ${place + 1} of ${options.workers} ${reason}`),
      now: this.now,
    });
    this.stopTicking = (options.every ?? everySoOften)(TICK_MS, () => {
      for (const worker of this.crew.all) worker.tick();
    });
  }

  /** The running processes, by pid. */
  get pids(): number[] {
    return this.crew.all.flatMap(worker => worker.pid ?? []);
  }

  /** What was done since the start, in every process, and the current sessions; of workers as of a second ago. */
  get traffic(): Traffic & { sessions: number } {
    const sum = { ...this.here.traffic };
    addTraffic(sum, this.elsewhere);
    return { ...sum, sessions: this.crew.all.reduce((all, one) => all + one.sessions, this.here.sessionCount) };
  }

  /** May be called for several addresses. Resolves with the port when connections are accepted. Rejects when the address is not available. */
  async listen(port: number, host: string): Promise<number> {
    const options = { pauseOnConnect: true };
    const listener = await listen({ port, host }, options, socket => this.accept(socket), this.report);
    this.servers.push(listener.server);
    return listener.port;
  }

  /** As `IscsiTarget.endSessions`, in every process. */
  endSessions(which: { target?: string; initiator?: string }, reason: string): void {
    this.here.endSessions(which, reason);
    for (const worker of this.crew.all) worker.send({ kind: 'end', which, reason });
  }

  /** As `IscsiTarget.close`, in every process. */
  async close(graceMs = 0): Promise<void> {
    this.crew.close();
    for (const server of this.servers) server.close();
    await Promise.all([this.here.close(graceMs), ...this.crew.all.map(worker => worker.close(graceMs))]);
    this.stopTicking();
  }

  private accept(socket: Socket): void {
    const address = socket.remoteAddress?.replace(/^::ffff:/, '') ?? '';
    this.options.accepted?.(address);
    const { workers } = this.options;
    const place = workers === 0 ? 'here' : this.route(address, workers);
    if (place === 'here') {
      this.here.accept(socket);
      return;
    }
    // Started on demand: a cluster without iSCSI nodes has no extra process.
    const worker = this.crew.at(place);
    // A worker that has just ended: the initiator retries.
    if (worker) worker.take(socket);
    else socket.destroy();
  }

  private start(): WorkerProcess {
    const { limits, now, report } = this;
    const { directory, note } = this.options;
    return new WorkerProcess({
      directory,
      note,
      report,
      limits: this.options.limits ?? {},
      bounds: limits,
      traffic: more => addTraffic(this.elsewhere, more),
      now,
    });
  }
}

export function byAddress(address: string, workers: number): number {
  const last = /[0-9a-f]+$/i.exec(address)?.[0] ?? '0';
  return Number.parseInt(last, 16) % workers;
}
