// The tasks of a session: by tag, the queue of those that can continue, and the limits of what they may hold.
import { ATTRIBUTE } from './pdus/command.ts';
import type { Task } from './task.ts';

/** Concurrent immediate commands: they are outside the command window (RFC 7143 §4.2.2.1). */
const MAX_IMMEDIATE = 16;

export class TaskSet {
  private readonly byTag = new Map<number, Task>();
  private readonly ready: Task[] = [];
  private immediate = 0;
  private ordered = 0;

  get hasReady(): boolean {
    const next = this.ready[0];
    return next !== undefined && !this.barred(next);
  }

  get(tag: number): Task | undefined {
    return this.byTag.get(tag);
  }

  all(): Task[] {
    return [...this.byTag.values()];
  }

  mayAddImmediate(): boolean {
    return this.immediate < MAX_IMMEDIATE;
  }

  add(task: Task): void {
    this.byTag.set(task.pdu.tag, task);
    if (task.pdu.immediate) this.immediate += 1;
    if (task.pdu.attribute === ATTRIBUTE.ordered) this.ordered += 1;
    if (task.pdu.attribute === ATTRIBUTE.headOfQueue) this.ready.unshift(task);
    else this.ready.push(task);
  }

  /** Returns the task to continue; undefined when none can. */
  next(): Task | undefined {
    const task = this.ready[0];
    return task && !this.barred(task) ? task : undefined;
  }

  /** Removes a task from the queue: it waits for its data or for the disk. */
  park(task: Task): void {
    const index = this.ready.indexOf(task);
    if (index >= 0) this.ready.splice(index, 1);
  }

  /** Puts a parked task back, before those that have not begun. */
  resume(task: Task): void {
    this.ready.unshift(task);
  }

  remove(task: Task): void {
    this.park(task);
    if (this.byTag.get(task.pdu.tag) !== task) return;
    this.byTag.delete(task.pdu.tag);
    if (task.pdu.immediate) this.immediate -= 1;
    if (task.pdu.attribute === ATTRIBUTE.ordered) this.ordered -= 1;
  }

  /** An ordered task begins when everything before it has ended, and later tasks wait for it (SAM-5 §8.6.3). */
  private barred(task: Task): boolean {
    if (this.ordered === 0 || task.phase !== 'new') return false;
    for (const other of this.byTag.values()) {
      if (other === task) return false;
      const begun = other.phase !== 'new';
      if (task.pdu.attribute === ATTRIBUTE.ordered) return true;
      if (begun && other.pdu.attribute === ATTRIBUTE.ordered) return true;
    }
    return false;
  }
}
