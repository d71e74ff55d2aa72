// The iSCSI target's socket: accepts, limits connections before login, keeps time, and ends in order.
import { randomBytes } from 'node:crypto';
import type { Server, Socket } from 'node:net';
import { monotonicNow } from '../clock.ts';
import { reasonOf } from '../errors.ts';
import { Connection, type ConnectionPorts } from './connection.ts';
import type { Note, Report, TargetDirectory } from './directory.ts';
import { ISCSI_LIMITS, type IscsiLimits } from './limits.ts';
import { listen } from './listen.ts';
import { Login } from './login.ts';
import { SlabPool } from './output.ts';
import { Scheduler } from './scheduler.ts';
import { type SessionEntry, Sessions } from './sessions.ts';
import { noTraffic } from './traffic.ts';
import { Units } from './units.ts';

export interface IscsiOptions {
  directory: TargetDirectory;
  note: Note;
  /** A process warning when absent. */
  report?: Report;
  limits?: Partial<IscsiLimits>;
  /** Milliseconds of a steady clock. */
  now?: () => number;
  random?: (bytes: number) => Buffer;
  /** Calls a function repeatedly until the returned function is called. */
  every?: (ms: number, tick: () => void) => () => void;
}

/** How often time limits are checked, in milliseconds. */
export const TICK_MS = 1000;

export class IscsiTarget {
  private readonly options: IscsiOptions;
  private readonly limits: IscsiLimits;
  private readonly report: Report;
  private readonly ports: ConnectionPorts;
  private readonly connections = new Set<Connection>();
  /** Connections that have not logged in, oldest first. */
  private readonly strangers = new Set<Connection>();
  private readonly sessions: Sessions;
  /** What was done since the start. */
  readonly traffic = noTraffic();
  private readonly servers: Server[] = [];
  private stopTicking: () => void = () => {};
  private whenEmpty: () => void = () => {};

  constructor(options: IscsiOptions) {
    this.options = options;
    this.limits = { ...ISCSI_LIMITS, ...options.limits };
    this.report = options.report ?? warn;
    this.sessions = new Sessions(this.limits);
    this.ports = this.connectionPorts();
    this.stopTicking = (options.every ?? everySoOften)(TICK_MS, () => this.tick());
  }

  /** Logged-in sessions, including discovery. */
  get sessionCount(): number {
    return this.sessions.size;
  }

  get connectionCount(): number {
    return this.connections.size;
  }

  /** May be called for several addresses. Resolves with the port when connections are accepted. Rejects when the address is not available. */
  async listen(port: number, host: string): Promise<number> {
    const listener = await listen(
      { port, host },
      { highWaterMark: 256 * 1024 },
      socket => this.accept(socket),
      this.report,
    );
    this.servers.push(listener.server);
    return listener.port;
  }

  /** Handles a connection that another process has accepted. */
  accept(socket: Socket): void {
    const connection = new Connection(socket, this.ports);
    this.connections.add(connection);
    this.strangers.add(connection);
    this.makeRoom(connection);
  }

  /**
   * Ends: no new connections, every initiator is asked to log out (RFC 7143 §11.9.1), and the remaining ones are cut off after
   * `graceMs`. Resolves when nothing uses a disk any longer.
   */
  async close(graceMs = 0): Promise<void> {
    for (const server of this.servers) server.close();
    for (const stranger of this.strangers) stranger.end('refused', 'the target is being closed');
    const empty = new Promise<void>(resolve => {
      this.whenEmpty = resolve;
    });
    if (graceMs > 0) for (const { session } of this.connections) session?.requestLogout(Math.ceil(graceMs / 1000));
    const cut = setTimeout(() => {
      for (const connection of this.connections) connection.end('dropped', 'the target is being closed');
    }, graceMs);
    if (this.connections.size > 0) await empty;
    clearTimeout(cut);
    this.stopTicking();
  }

  /** Ends every session of a target or an initiator, such as when its boot session is over. Returns how many. */
  endSessions(which: { target?: string; initiator?: string }, reason: string): number {
    let count = 0;
    for (const connection of this.connections) {
      const established = connection.session?.established;
      if (!established) continue;
      if (which.target !== undefined && established.target !== which.target) continue;
      if (which.initiator !== undefined && established.initiator !== which.initiator) continue;
      connection.end('dropped', reason);
      count += 1;
    }
    return count;
  }

  private connectionPorts(): ConnectionPorts {
    const { directory, now = monotonicNow, random = randomBytes } = this.options;
    const { limits, sessions } = this;
    const units = new Units();
    const entries = new Map<Connection, SessionEntry>();
    return {
      limits,
      traffic: this.traffic,
      pool: new SlabPool(),
      scheduler: new Scheduler(),
      now,
      note: note => {
        try {
          this.options.note(note);
        } catch (error) {
          this.report(`a note of ${note.peer} is lost: ${reasonOf(error)}`);
        }
      },
      report: this.report,
      login: peer => new Login({ directory, limits, random, ...peer }),
      claim: (connection, session) => {
        const entry = sessions.claim(session, reason => connection.end('dropped', reason, { how: 'replaced' }));
        if ('tsih' in entry) entries.set(connection, entry);
        return entry;
      },
      unit: ({ target, admission }) =>
        target === undefined || !admission
          ? undefined
          : units.of(admission.device, { targetName: target, serial: admission.serial }),
      loggedIn: connection => this.strangers.delete(connection),
      closed: connection => {
        const entry = entries.get(connection);
        if (entry) sessions.release(entry);
        entries.delete(connection);
        this.strangers.delete(connection);
        this.connections.delete(connection);
        if (this.connections.size === 0) this.whenEmpty();
      },
    };
  }

  /** A newer stranger replaces the oldest: a flood keeps nobody out who logs in quickly. */
  private makeRoom(newcomer: Connection): void {
    const reason = 'too many connections that do not log in';
    const same = [...this.strangers].filter(stranger => stranger.address === newcomer.address);
    const crowded = same.length > this.limits.pendingPerAddress ? same : [...this.strangers];
    if (crowded === same || this.strangers.size > this.limits.pending) {
      const oldest = crowded[0];
      if (!oldest) return;
      this.strangers.delete(oldest);
      oldest.end('refused', reason);
    }
  }

  private tick(): void {
    for (const connection of this.connections) connection.tick();
  }
}

/** Where a problem goes without a receiver of reports. */
export function warn(problem: string): void {
  process.emitWarning(`iscsi: ${problem}`);
}

export function everySoOften(ms: number, tick: () => void): () => void {
  const timer = setInterval(tick, ms);
  timer.unref();
  return () => clearInterval(timer);
}
