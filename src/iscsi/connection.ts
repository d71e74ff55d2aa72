// One TCP connection: bytes in, login and then its session, bytes out; ends when the peer is silent or wrong.
import type { Socket } from 'node:net';
import { reasonOf, systemCode } from '../errors.ts';
import type { LogicalUnit } from '../scsi/lun.ts';
import type { Report, TargetNote } from './directory.ts';
import { type Frame, Framer, FramingError } from './frame.ts';
import { type IscsiLimits, LOGIN_SEGMENT, MAX_RECEIVE_SEGMENT } from './limits.ts';
import type { Login, LoginStep } from './login.ts';
import type { Established, LoginPorts } from './login-state.ts';
import { REQUEST } from './opcodes.ts';
import { Output, type SlabPool } from './output.ts';
import type { Scheduler, Worker } from './scheduler.ts';
import { Session } from './session.ts';
import type { Traffic } from './traffic.ts';

export interface ConnectionPorts {
  limits: IscsiLimits;
  /** Counts what is done. */
  traffic: Traffic;
  pool: SlabPool;
  scheduler: Scheduler;
  /** Milliseconds of a steady clock. */
  now(): number;
  login(peer: Pick<LoginPorts, 'address' | 'portal' | 'claim'>): Login;
  claim(connection: Connection, session: Omit<Established, 'tsih'>): ReturnType<LoginPorts['claim']>;
  unit(session: Established): LogicalUnit | undefined;
  note(note: TargetNote): void;
  report: Report;
  /** A login succeeded: the connection is no longer a stranger's. */
  loggedIn(connection: Connection): void;
  /** Called once, when the connection has released everything. */
  closed(connection: Connection): void;
}

/** Least time between two notes of a failed disk, in milliseconds. */
const DISK_NOTE_MS = 1000;

export class Connection implements Worker {
  /** The peer's address without its port. */
  readonly address: string;
  readonly peer: string;
  session: Session | undefined;
  private readonly socket: Socket;
  private readonly ports: ConnectionPorts;
  private readonly framer = new Framer(LOGIN_SEGMENT);
  private readonly out: Output;
  private readonly login: Login;
  private readonly since: number;
  private heard: number;
  private pinged = false;
  private busy = false;
  private ended: (Pick<TargetNote, 'event' | 'status' | 'how'> & { reason: string; at: number }) | undefined;
  private gone = false;
  private diskFailedAt = Number.NEGATIVE_INFINITY;

  constructor(socket: Socket, ports: ConnectionPorts) {
    this.socket = socket;
    this.ports = ports;
    this.address = socket.remoteAddress?.replace(/^::ffff:/, '') ?? '';
    this.peer = `${this.address}:${socket.remotePort ?? 0}`;
    this.since = this.heard = ports.now();
    this.out = new Output(
      ports.pool,
      (bytes, sent) => this.send(bytes, sent),
      () => this.drained(),
    );
    const portal = `${bracketed(socket.localAddress ?? '')}:${socket.localPort ?? 0}`;
    this.login = ports.login({ address: this.address, portal, claim: session => ports.claim(this, session) });
    socket.setNoDelay(true);
    socket.on('data', chunk => this.received(chunk));
    // A connection accepted on behalf of another process arrives paused.
    socket.resume();
    socket.on('error', error => this.end('dropped', reasonOf(error), { how: endOf(error) }));
    socket.on('close', () => this.closed());
    // A peer that has closed its side reads no more answers: there is nothing to wait for.
    socket.on('end', () => this.end('dropped', 'the peer closed the connection', { how: 'closed' }));
  }

  get canWork(): boolean {
    return !this.ended && (this.session?.canWork ?? false);
  }

  work(budget: number): number {
    try {
      return this.session?.work(budget) ?? 0;
    } catch (error) {
      this.end('dropped', internal(error));
      return 0;
    }
  }

  /** Checks the time limits; called about once a second. */
  tick(): void {
    const { limits, now } = this.ports;
    if (this.ended) {
      // The peer does not accept what was written before the end.
      if (now() - this.ended.at > LINGER_MS) this.socket.destroy();
      return;
    }
    if (!this.session) {
      if (now() - this.since > limits.loginMs) this.end('refused', 'its login took too long');
      return;
    }
    const silent = now() - this.heard;
    if (silent > limits.idleMs + limits.pingMs) this.end('dropped', 'the peer is silent', { how: 'silent' });
    else if (silent > limits.idleMs && !this.pinged) {
      this.pinged = true;
      this.session.ping();
    }
  }

  /** Ends the connection; an orderly end still sends what was written before. */
  end(event: TargetNote['event'], reason: string, more: Pick<TargetNote, 'status' | 'how'> = {}): void {
    if (this.ended) return;
    this.ended = { event, reason, at: this.ports.now(), ...more };
    // Further input is read and discarded, so that a reset does not destroy the last answers.
    this.framer.drop();
    this.socket.resume();
    this.out.flush();
    if (event === 'logout') this.socket.end(() => this.socket.destroy());
    else if (event === 'refused' || this.out.waiting > 0) this.socket.destroySoon();
    else this.socket.destroy();
  }

  /** A peer that does not read its answers is not read either. */
  private get choked(): boolean {
    return this.out.waiting > this.ports.limits.outputBytes * 2;
  }

  private received(chunk: Buffer): void {
    if (this.ended) return;
    this.heard = this.ports.now();
    this.pinged = false;
    this.framer.push(chunk);
    if (!this.busy) this.process();
  }

  /** Processes PDUs while there are whole ones; during login one at a time, since its answer may take a while. */
  private process(): void {
    try {
      while (!this.ended && !this.choked) {
        const frame = this.framer.next();
        if (!frame) break;
        if (this.session) this.session.receive(frame);
        else {
          this.loginStep(frame);
          return;
        }
      }
    } catch (error) {
      const reason = error instanceof FramingError ? error.message : internal(error);
      this.end(this.session ? 'dropped' : 'refused', reason);
    }
    if (this.ended) return;
    this.ports.scheduler.wake(this);
    this.out.flush();
    if (this.choked) this.socket.pause();
  }

  /** Never rejects: whatever a login throws ends its own connection. */
  private async loginStep({ header, data }: Frame): Promise<void> {
    if ((header.readUInt8(0) & 0x3f) !== REQUEST.login) {
      // RFC 7143 §6.3: nothing but login may come first.
      this.end('refused', 'it does not begin with a login');
      return;
    }
    this.busy = true;
    this.socket.pause();
    try {
      const step = await this.login.receive(header, data);
      if (!this.ended) this.answer(step);
    } catch (error) {
      this.end('refused', internal(error));
    }
    this.busy = false;
    if (this.gone) this.release();
    else if (!this.ended) {
      this.socket.resume();
      this.process();
    }
  }

  private answer(step: LoginStep): void {
    this.out.append(step.header, step.data);
    this.out.flush();
    if (step.outcome.kind === 'failed') this.end('refused', step.outcome.reason, { status: step.outcome.status });
    if (step.outcome.kind === 'done') this.start(step.outcome.session);
  }

  private start(established: Established): void {
    const { settings } = established;
    this.framer.maxData = MAX_RECEIVE_SEGMENT;
    this.framer.headerDigest = settings.headerDigest;
    this.framer.dataDigest = settings.dataDigest;
    this.session = new Session(established, this.ports.unit(established), {
      out: this.out,
      limits: this.ports.limits,
      traffic: this.ports.traffic,
      wake: () => this.ports.scheduler.wake(this),
      diskFailed: cause => this.diskFailed(cause),
      end: (event, reason) => this.end(event, reason),
    });
    this.ports.note({ event: 'login', ...this.who() });
    this.ports.loggedIn(this);
  }

  /** An initiator repeats what failed, and often: one note a second says it all. */
  private diskFailed(cause: unknown): void {
    const now = this.ports.now();
    if (now - this.diskFailedAt < DISK_NOTE_MS) return;
    this.diskFailedAt = now;
    const code = systemCode(cause) ?? (cause instanceof Error ? systemCode(cause.cause) : undefined);
    this.ports.note({ event: 'disk-failed', reason: reasonOf(cause), ...(code && { code }), ...this.who() });
  }

  private who(): Omit<TargetNote, 'event' | 'reason'> {
    const { initiator, target, admission } = this.login.state;
    return {
      peer: this.peer,
      ...(initiator ? { initiator } : {}),
      ...(target ? { target } : {}),
      ...(admission?.session === undefined ? {} : { session: admission.session }),
    };
  }

  private send(bytes: Buffer, sent: () => void): void {
    if (this.socket.destroyed) sent();
    else this.socket.write(bytes, () => sent());
  }

  private drained(): void {
    if (this.ended) return;
    if (this.socket.isPaused() && !this.busy && this.out.waiting <= this.ports.limits.outputBytes) {
      this.socket.resume();
      this.process();
    } else this.ports.scheduler.wake(this);
  }

  private closed(): void {
    this.end('dropped', 'the connection was closed');
    this.ports.scheduler.forget(this);
    this.gone = true;
    const { at: _, ...ended } = this.ended ?? { event: 'dropped' as const, reason: '', at: 0 };
    // A peer that connected and sent nothing is not worth a line.
    if (this.session || this.login.state.initiator !== '' || ended.event === 'refused')
      this.ports.note({ ...ended, ...this.who() });
    // The directory may still answer: then the disk is released when it arrives.
    if (!this.busy) this.release();
  }

  /** Releases everything once the disk is free. Never rejects: failures are reported, and the connection is closed anyway. */
  private async release(): Promise<void> {
    try {
      await this.session?.close();
      this.login.state.admission?.release?.();
    } catch (error) {
      this.ports.report(`the disk of ${this.peer} is not given back: ${internal(error)}`);
    }
    this.ports.closed(this);
  }
}

/** How the connection ended, by the error of the system: a timeout of TCP is silence. */
function endOf(error: Error): NonNullable<TargetNote['how']> {
  return systemCode(error) === 'ECONNRESET' || systemCode(error) === 'EPIPE' ? 'reset' : 'silent';
}

/** How long written answers may wait for a peer after the end, in milliseconds. */
const LINGER_MS = 5000;

/** RFC 7143 §13.8: an IPv6 address is in brackets. */
function bracketed(address: string): string {
  const plain = address.replace(/^::ffff:/, '');
  return plain.includes(':') ? `[${plain}]` : plain;
}

/** Our bug: only this connection pays for it. */
function internal(error: unknown): string {
  return `internal error: ${error instanceof Error ? (error.stack ?? error.message) : reasonOf(error)}`;
}
