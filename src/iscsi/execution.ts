// Carrying tasks out: asks the logical unit for a plan and moves the data, a bounded piece at a time.
import { planForAbsentUnit } from '../scsi/lun.ts';
import { diskFailed, failed, type Plan, type ReadPlan, type StatusPlan, type TakePlan } from '../scsi/plan.ts';
import { fixedSense } from '../scsi/sense.ts';
import { MAX_RECEIVE_SEGMENT } from './limits.ts';
import { writeResponse } from './pdus/command.ts';
import { type DataOut, encodeReadyToTransfer, writeDataInHeader } from './pdus/data.ts';
import type { TaskGround } from './session-ground.ts';
import type { Task } from './task.ts';

/** What a command costs besides its data, in bytes of the budget, so that a flood of small ones is shared too. */
const COMMAND_COST = 2048;

export interface Execution {
  run(budget: number): number;
  receiveData(pdu: DataOut, data: Buffer): void;
  /** Ends a task with this status as soon as answers can be sent. */
  finish(task: Task, outcome: StatusPlan): void;
  /** Ends a task without an answer. */
  abort(task: Task): void;
}

export function startExecution(session: TaskGround): Execution {
  return new Runner(session);
}

class Runner implements Execution {
  private readonly session: TaskGround;
  /** Tasks that wait for data, by the tag of the transfer. */
  private readonly transfers = new Map<number, Task>();
  /** Writes that wait for others to release their memory. */
  private readonly waitingForMemory: Task[] = [];
  private memory = 0;
  private lastTransferTag = 0;

  constructor(session: TaskGround) {
    this.session = session;
  }

  run(budget: number): number {
    const { tasks, ports } = this.session;
    let spent = 0;
    while (spent < budget && ports.out.waiting < ports.limits.outputBytes) {
      const task = tasks.next();
      if (!task) break;
      spent += this.step(task);
    }
    ports.out.flush();
    return spent;
  }

  finish(task: Task, outcome: StatusPlan): void {
    task.outcome = outcome;
    task.phase = 'finished';
    this.session.tasks.park(task);
    this.session.tasks.resume(task);
    this.session.ports.wake();
  }

  abort(task: Task): void {
    if (task.aborted) return;
    task.aborted = true;
    this.session.tasks.remove(task);
    this.session.counters.ended(task.pdu.immediate);
    // Buffers in use by the disk are released when it finishes.
    if (task.phase !== 'away') this.release(task);
  }

  receiveData(pdu: DataOut, data: Buffer): void {
    const task = this.transfers.get(pdu.transferTag);
    // Data of an aborted task may still arrive (RFC 7143 §11.5.1): it is dropped.
    if (!task?.buffer || task.pdu.tag !== pdu.tag) return;
    // RFC 7143 §7.9, §13.18, §13.19: with everything in order, a gap means lost data.
    const inOrder = pdu.dataSn === task.dataSn && pdu.offset === task.received;
    const fits = task.received + data.length <= task.burstEnd;
    const complete = task.received + data.length === task.burstEnd;
    if (!inOrder || !fits || pdu.final !== complete) {
      this.transfers.delete(task.transferTag);
      this.finish(task, failed('incorrect-amount-of-data'));
      return;
    }
    data.copy(task.buffer, task.received);
    task.received += data.length;
    task.dataSn += 1;
    if (!complete) return;
    this.transfers.delete(task.transferTag);
    if (task.received < task.buffer.length) this.askForData(task, task.buffer.length);
    else this.handOver(task, task.buffer);
    this.session.ports.out.flush();
  }

  /** Takes the next step of a task; returns its cost. */
  private step(task: Task): number {
    if (task.phase === 'new') {
      const plan = this.plan(task);
      return COMMAND_COST + this.begin(task, plan);
    }
    if (task.phase === 'reading') return this.sendData(task);
    this.respond(task, task.outcome ?? failed('internal-target-failure'));
    return COMMAND_COST;
  }

  private plan(task: Task): Plan {
    const { unit, nexus } = this.session;
    if (!unit) return failed('lun-not-supported');
    return task.pdu.unitZero ? unit.plan(task.pdu.cdb, nexus) : planForAbsentUnit(task.pdu.cdb, unit, nexus);
  }

  private begin(task: Task, plan: Plan): number {
    switch (plan.kind) {
      case 'status':
        this.respond(task, plan);
        return 0;
      case 'answer':
        return this.sendAnswer(task, plan.data);
      case 'read':
        return this.beginRead(task, plan);
      case 'take':
        this.beginWrite(task, plan);
        return 0;
      case 'work':
        this.away(task, plan.run());
        return 0;
    }
  }

  /** A small answer is one Data-In PDU or a few, with the status in the last (RFC 7143 §11.7.2). */
  private sendAnswer(task: Task, data: Buffer): number {
    task.residual = data.length - task.room;
    const length = Math.min(data.length, task.room);
    if (length === 0) {
      this.respond(task, { kind: 'status' });
      return 0;
    }
    const { out } = this.session.ports;
    while (task.sent < length) {
      const { piece, at } = this.reservePiece(task, length - task.sent);
      data.copy(out.slab, out.dataAt(at), task.sent, task.sent + piece);
      this.sealPiece(task, at, piece, task.sent + piece === length);
    }
    return length;
  }

  private beginRead(task: Task, plan: ReadPlan): number {
    task.residual = plan.length - task.room;
    task.position = plan.position;
    task.left = Math.min(plan.length, task.room);
    task.phase = 'reading';
    if (task.left > 0) return this.sendData(task);
    this.respond(task, { kind: 'status' });
    return 0;
  }

  /** Sends one Data-In PDU, read from the disk directly into the output. */
  private sendData(task: Task): number {
    const { unit, ports } = this.session;
    if (!unit) return 0;
    const { device } = unit;
    const wanted = this.pieceLength(task, task.left);
    if (!device.ready(task.position, wanted)) {
      this.load(task);
      return COMMAND_COST;
    }
    const { piece, at } = this.reservePiece(task, task.left);
    try {
      device.read(ports.out.slab, ports.out.dataAt(at), piece, task.position);
    } catch (error) {
      ports.out.unreserve(at);
      task.residual = task.sent - task.room;
      this.respond(task, diskFailed('unrecovered-read-error', error));
      return COMMAND_COST;
    }
    task.position += piece;
    task.left -= piece;
    this.sealPiece(task, at, piece, task.left === 0);
    return piece;
  }

  /** The disk has to fetch the data first: other tasks continue. */
  private load(task: Task): void {
    const { unit, tasks } = this.session;
    if (!unit) return;
    tasks.park(task);
    task.phase = 'away';
    const { blockSize } = unit.device;
    const length = Math.ceil(task.left / blockSize) * blockSize;
    task.work = unit.device.load(task.position, length).then(
      () => this.back(task, undefined),
      error => this.back(task, diskFailed('unrecovered-read-error', error)),
    );
  }

  private pieceLength(task: Task, left: number): number {
    const { sendSegment, maxBurst } = this.session.established.settings;
    return Math.min(left, sendSegment, MAX_RECEIVE_SEGMENT, maxBurst - (task.sent % maxBurst));
  }

  private reservePiece(task: Task, left: number): { piece: number; at: number } {
    const piece = this.pieceLength(task, left);
    return { piece, at: this.session.ports.out.reserve(piece) };
  }

  /** Completes a Data-In PDU with its data in place; the last one ends the task. */
  private sealPiece(task: Task, at: number, piece: number, last: boolean): void {
    const { ports, counters, established } = this.session;
    const offset = task.sent;
    task.sent += piece;
    if (last) this.ended(task);
    // RFC 7143 §11.7.1: F ends each burst.
    const final = last || task.sent % established.settings.maxBurst === 0;
    const { slab } = ports.out;
    writeDataInHeader(slab, at, task.pdu.tag, task.dataPdus, offset, final, last, task.residual, counters);
    ports.out.seal(at, piece);
    task.dataPdus += 1;
    if (last) counters.nextStatus();
  }

  private beginWrite(task: Task, plan: TakePlan): void {
    task.residual = plan.length - task.offered;
    task.take = plan;
    const length = Math.min(plan.length, task.offered);
    this.session.tasks.park(task);
    task.phase = 'collecting';
    const free = this.memory + length <= this.session.ports.limits.writeBytes;
    if (free || this.memory === 0) this.collect(task, length);
    else this.waitingForMemory.push(task);
  }

  private collect(task: Task, length: number): void {
    this.memory += length;
    task.buffer = Buffer.allocUnsafeSlow(length);
    task.received = task.immediateData?.copy(task.buffer) ?? 0;
    task.immediateData = undefined;
    if (task.received < length) this.askForData(task, length);
    else this.handOver(task, task.buffer);
  }

  /** R2T for the next burst (RFC 7143 §11.8). */
  private askForData(task: Task, total: number): void {
    const { ports, counters, established } = this.session;
    const length = Math.min(established.settings.maxBurst, total - task.received);
    this.lastTransferTag = (this.lastTransferTag + 1) % 0xffffffff;
    task.transferTag = this.lastTransferTag;
    task.burstEnd = task.received + length;
    task.dataSn = 0;
    this.transfers.set(task.transferTag, task);
    const { tag } = task.pdu;
    const r2t = { tag, transferTag: task.transferTag, r2tSn: task.dataPdus, offset: task.received, length };
    ports.out.append(encodeReadyToTransfer(r2t, counters));
    task.dataPdus += 1;
  }

  private handOver(task: Task, data: Buffer): void {
    if (task.take) this.away(task, task.take.accept(data));
  }

  private away(task: Task, outcome: Promise<StatusPlan>): void {
    this.session.tasks.park(task);
    task.phase = 'away';
    task.work = outcome.then(
      status => this.back(task, status),
      error => this.back(task, diskFailed('internal-target-failure', error)),
    );
  }

  /** The disk has finished. @param outcome none when the task continues reading */
  private back(task: Task, outcome: StatusPlan | undefined): void {
    task.work = undefined;
    if (task.aborted) {
      this.release(task);
      return;
    }
    task.outcome = outcome;
    task.phase = outcome ? 'finished' : 'reading';
    this.session.tasks.resume(task);
    this.session.ports.wake();
  }

  /** SCSI Response (RFC 7143 §11.4). */
  private respond(task: Task, status: StatusPlan): void {
    const { ports, counters } = this.session;
    const sense = status.sense && fixedSense(status.sense);
    if (status.cause !== undefined) ports.diskFailed(status.cause);
    this.ended(task);
    writeResponse(ports.out, task.pdu.tag, sense, task.residual, task.dataPdus, counters);
    counters.nextStatus();
  }

  private ended(task: Task): void {
    const { traffic } = this.session.ports;
    traffic.commands += 1;
    traffic.readBytes += task.sent;
    traffic.writtenBytes += task.received;
    this.session.tasks.remove(task);
    this.session.counters.ended(task.pdu.immediate);
    this.release(task);
  }

  /** Releases a task's memory, and starts writes that waited for it. */
  private release(task: Task): void {
    this.transfers.delete(task.transferTag);
    const waiting = this.waitingForMemory.indexOf(task);
    if (waiting >= 0) this.waitingForMemory.splice(waiting, 1);
    if (!task.buffer) return;
    this.memory -= task.buffer.length;
    task.buffer = undefined;
    const next = this.waitingForMemory[0];
    if (!next?.take) return;
    const length = Math.min(next.take.length, next.offered);
    if (this.memory > 0 && this.memory + length > this.session.ports.limits.writeBytes) return;
    this.waitingForMemory.shift();
    this.collect(next, length);
  }
}
