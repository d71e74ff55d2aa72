// Our own event loop, which blocks its thread while there is nothing to do: docs/decisions/0008-system-calls.md.
//
// A block in lock-step is one packet in and one out, and Node's event loop costs more than both.
import { setImmediate } from 'node:timers/promises';
import { monotonicNow } from '../clock.ts';
import { check, type Libc } from '../libc.ts';
import { READABLE, Readiness } from '../readiness.ts';
import type { Alarm } from './datagrams.ts';

/** The thread looks up this often, so that an ending process does not wait longer for it; milliseconds. */
const MOST_WAIT = 500;

export class OwnLoop {
  private readonly readiness: Readiness;
  private readonly ready = new Map<number, () => void>();
  private readonly alarms = new Set<OwnAlarm>();
  private lastId = 0;
  private running = true;
  private unsettled = false;

  constructor(libc: Libc) {
    this.readiness = new Readiness(libc);
  }

  alarm(ring: () => void): Alarm {
    const alarm = new OwnAlarm(ring);
    this.alarms.add(alarm);
    return alarm;
  }

  /** Calls back whenever the descriptor is ready; returns a function to wait for something else, or, with 0, for nothing. */
  watch(fd: number, goOn: () => void): (what: number) => void {
    this.lastId = (this.lastId % 0xffff_ffff) + 1;
    const id = this.lastId;
    check(this.readiness.add(fd, id, READABLE));
    this.ready.set(id, goOn);
    return what => {
      if (what > 0) this.readiness.change(fd, id, what);
      else if (this.ready.delete(id)) this.readiness.remove(fd);
    };
  }

  stop(): void {
    this.running = false;
  }

  /** Call this after resolving a promise; otherwise its continuation runs only when the loop ends. */
  settle(): void {
    this.unsettled = true;
  }

  /** Resolves after `stop`; until then nothing else in this thread runs, except after `settle`. */
  async run(): Promise<void> {
    while (this.running) {
      if (this.unsettled) {
        this.unsettled = false;
        await setImmediate();
      }
      const count = this.readiness.wait(this.nextWait());
      for (let index = 0; index < count; index += 1) this.ready.get(this.readiness.own(index))?.();
      const now = monotonicNow();
      for (const alarm of this.alarms) if (alarm.due <= now) alarm.goOff();
    }
  }

  /** Call it after everything watched was closed. */
  close(): void {
    this.readiness.close();
  }

  private nextWait(): number {
    const now = monotonicNow();
    let wait = MOST_WAIT;
    for (const { due } of this.alarms) wait = Math.min(wait, Math.max(0, Math.ceil(due - now)));
    return wait;
  }
}

class OwnAlarm implements Alarm {
  /** On the clock of `monotonicNow`. */
  due = Number.POSITIVE_INFINITY;
  private readonly ring: () => void;

  constructor(ring: () => void) {
    this.ring = ring;
  }

  set(milliseconds: number): void {
    this.due = monotonicNow() + milliseconds;
  }

  stop(): void {
    this.due = Number.POSITIVE_INFINITY;
  }

  goOff(): void {
    this.stop();
    this.ring();
  }
}
