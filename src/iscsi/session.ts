// A session in its full feature phase: receives PDUs, checks state before kind, and passes each to its handler.
import type { LogicalUnit } from '../scsi/lun.ts';
import { failed } from '../scsi/plan.ts';
import { Nexus } from '../scsi/request.ts';
import { logout, nopOut, taskManagement, text } from './control.ts';
import { Counters } from './counters.ts';
import { type EarlyRequest, EarlyRequests } from './early.ts';
import { type Execution, startExecution } from './execution.ts';
import type { Frame } from './frame.ts';
import type { Established } from './login-state.ts';
import { NO_TAG, REQUEST } from './opcodes.ts';
import { decodeCommand } from './pdus/command.ts';
import { encodeLogoutRequest, encodeNopIn, encodeReject, REJECT } from './pdus/control.ts';
import { decodeDataOut } from './pdus/data.ts';
import { serialBefore } from './serial.ts';
import type { ControlGround, SessionPorts, TextExchange } from './session-ground.ts';
import { Task } from './task.ts';
import { TaskSet } from './task-set.ts';

/** The tag of our own question, "are you there?" (RFC 7143 §11.19). Any answer to it counts. */
const PING_TAG = 1;

export class Session implements ControlGround {
  readonly established: Established;
  readonly ports: SessionPorts;
  readonly counters: Counters;
  readonly tasks = new TaskSet();
  readonly unit: LogicalUnit | undefined;
  readonly nexus = new Nexus();
  readonly execution: Execution;
  text: TextExchange = { kind: 'none' };
  private readonly early: EarlyRequests;

  /** @param unit none for a discovery session */
  constructor(established: Established, unit: LogicalUnit | undefined, ports: SessionPorts) {
    this.established = established;
    this.ports = ports;
    this.unit = unit;
    this.counters = new Counters(established.statSn, established.expCmdSn, ports.limits.window);
    this.early = new EarlyRequests(ports.limits.writeBytes);
    ports.out.headerDigest = established.settings.headerDigest;
    ports.out.dataDigest = established.settings.dataDigest;
    this.nexus.onReset = (how: 'tasks' | 'session') => {
      if (how === 'session') ports.end('dropped', 'another initiator reset the target');
      else this.abort(this.tasks.all());
    };
    unit?.attach(this.nexus);
    this.execution = startExecution(this);
  }

  /** One PDU of the initiator. */
  receive(frame: Frame): void {
    const opcode = frame.header.readUInt8(0) & 0x3f;
    // RFC 7143 §7.8: without error recovery a damaged data segment is reported, and its connection cannot continue.
    if (frame.dataDamaged) {
      this.reject(REJECT.dataDigest, frame.header);
      this.ports.end('dropped', 'the data digest does not fit (RFC 7143 §7.8)');
    } else if (!this.unit && !DISCOVERY_OPCODES.includes(opcode)) {
      // RFC 7143 §4.3: a discovery session is for discovery only.
      this.reject(REJECT.protocol, frame.header);
    } else if (opcode === REQUEST.command) this.command(frame);
    else if (opcode === REQUEST.dataOut) this.execution.receiveData(decodeDataOut(frame.header), frame.data);
    else if (opcode === REQUEST.nopOut) nopOut(this, frame);
    else if (opcode === REQUEST.text) text(this, frame);
    else if (opcode === REQUEST.taskManagement) taskManagement(this, frame);
    else if (opcode === REQUEST.logout) logout(this, frame);
    // RFC 7143 §11.16: SNACK needs an ErrorRecoveryLevel above 0.
    else if (opcode === REQUEST.snack) this.reject(REJECT.snack, frame.header);
    else this.reject(opcode === REQUEST.login ? REJECT.protocol : REJECT.notSupported, frame.header);
  }

  /** Continues tasks until about `budget` bytes were moved. Returns how many; 0 means that nothing could continue. */
  work(budget: number): number {
    return this.execution.run(budget);
  }

  get canWork(): boolean {
    return this.tasks.hasReady && this.ports.out.waiting < this.ports.limits.outputBytes;
  }

  inOrder(cmdSn: number, immediate: boolean, handle: () => void, bytes = 0): void {
    const turn = this.counters.admit(cmdSn, immediate);
    if (turn === 'later') this.keepEarly(cmdSn, { bytes, kind: 'control', run: handle });
    if (turn !== 'now') return;
    handle();
    this.inOrderRest();
  }

  cancel(refCmdSn: number, cmdSn: number): boolean {
    const { expCmdSn, maxCmdSn } = this.counters;
    const isDue = !serialBefore(refCmdSn, expCmdSn) && !serialBefore(maxCmdSn, refCmdSn);
    if (!isDue || !serialBefore(refCmdSn, cmdSn)) return false;
    this.early.replace(refCmdSn, () => this.counters.ended(false));
    return true;
  }

  cancelEarly(cmdSn: number): void {
    for (const own of this.early.commandsBefore(cmdSn)) this.cancel(own, cmdSn);
  }

  reject(reason: number, header: Buffer): void {
    this.ports.out.append(encodeReject(reason, this.counters), header);
    this.counters.nextStatus();
  }

  /** Asks whether the peer is there; the number is not used up (RFC 7143 §11.19). */
  ping(): void {
    this.ports.out.append(encodeNopIn(NO_TAG, PING_TAG, this.counters));
    this.ports.out.flush();
  }

  /** Asks the initiator to log out, because the target is about to end (RFC 7143 §11.9.1). */
  requestLogout(seconds: number): void {
    this.ports.out.append(encodeLogoutRequest(seconds, this.counters));
    this.counters.nextStatus();
    this.ports.out.flush();
  }

  async abort(tasks: readonly Task[]): Promise<void> {
    for (const task of tasks) this.execution.abort(task);
    await Promise.all(tasks.map(task => task.work));
  }

  /** Leaves the logical unit; resolves when nothing of this session uses the disk. */
  async close(): Promise<void> {
    this.unit?.detach(this.nexus);
    this.early.clear();
    await this.abort(this.tasks.all());
  }

  private command(frame: Frame): void {
    const pdu = decodeCommand(frame.header);
    const { data, header } = frame;
    if (!pdu.immediate) {
      // The usual case needs no closure; an early request must keep its own copies.
      const turn = this.counters.admit(pdu.cmdSn, false);
      if (turn === 'now') this.accept(new Task(pdu), data, header);
      if (turn === 'later') {
        const copies = { data: Buffer.from(data), header: Buffer.from(header) };
        const run = () => this.accept(new Task(pdu), copies.data, copies.header);
        this.keepEarly(pdu.cmdSn, { bytes: data.length, kind: 'command', run });
      }
      if (turn === 'now') this.inOrderRest();
      return;
    }
    if (!this.tasks.mayAddImmediate()) this.reject(REJECT.tooManyImmediate, header);
    else this.accept(new Task(pdu), data, header);
  }

  private keepEarly(cmdSn: number, request: EarlyRequest): void {
    if (this.early.add(cmdSn, request)) return;
    // On its one connection an initiator sends numbers in order (RFC 7143 §4.2.2.1): this one never closes the gap.
    this.ports.end('dropped', `requests out of order hold more than ${this.ports.limits.writeBytes} bytes`);
  }

  /** Runs early requests that are due now. */
  private inOrderRest(): void {
    const { counters, early } = this;
    for (let next = early.take(counters.expCmdSn); next; next = early.take(counters.expCmdSn)) {
      counters.admit(counters.expCmdSn, false);
      next.run();
    }
  }

  private accept(task: Task, data: Buffer, header: Buffer): void {
    const { pdu } = task;
    if (this.tasks.get(pdu.tag)) {
      this.counters.ended(pdu.immediate);
      this.reject(REJECT.taskInProgress, header);
      return;
    }
    this.tasks.add(task);
    const { settings } = this.established;
    // RFC 7143 §13.10, §13.11: only immediate data may come unrequested, and only within the first burst.
    const unasked =
      data.length > 0 && (!settings.immediateData || data.length > Math.min(settings.firstBurst, task.offered));
    if (unasked || (pdu.writes && !pdu.final)) {
      this.execution.finish(task, failed('unexpected-unsolicited-data'));
      return;
    }
    if (data.length > 0) task.immediateData = Buffer.from(data);
  }
}

const DISCOVERY_OPCODES: readonly number[] = [REQUEST.nopOut, REQUEST.text, REQUEST.logout];
