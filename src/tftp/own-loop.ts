// A loop of our own, which stops its thread while there is nothing to do: docs/decisions/0008-system-calls.md.
//
// A block in lock-step is one packet in and one out, and Node's way through its event loop costs more than both.
import { setImmediate } from 'node:timers/promises';
import { check, type Libc } from '../libc.ts';
import { READABLE, Readiness } from '../readiness.ts';
import type { Alarm } from './datagrams.ts';

/** The thread looks up so often, so that a process that ends need not wait for it longer; milliseconds. */
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

  /** Calls back whenever the descriptor can go on; answers how to wait for something else, or, with 0, for nothing any more. */
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

  /** To be called when something came to pass that promises wait for: else they would go on when the loop ends. */
  settle(): void {
    this.unsettled = true;
  }

  /** Resolves after `stop`; until then nothing else of this thread goes on, but for `settle`. */
  async run(): Promise<void> {
    while (this.running) {
      if (this.unsettled) {
        this.unsettled = false;
        await setImmediate();
      }
      const count = this.readiness.wait(this.nextWait());
      for (let index = 0; index < count; index += 1) this.ready.get(this.readiness.own(index))?.();
      const now = performance.now();
      for (const alarm of this.alarms) if (alarm.due <= now) alarm.goOff();
    }
  }

  /** To be called after everything that is watched was closed. */
  close(): void {
    this.readiness.close();
  }

  private nextWait(): number {
    const now = performance.now();
    let wait = MOST_WAIT;
    for (const { due } of this.alarms) wait = Math.min(wait, Math.max(0, Math.ceil(due - now)));
    return wait;
  }
}

class OwnAlarm implements Alarm {
  /** On the clock of `performance.now`. */
  due = Number.POSITIVE_INFINITY;
  private readonly ring: () => void;

  constructor(ring: () => void) {
    this.ring = ring;
  }

  set(milliseconds: number): void {
    this.due = performance.now() + milliseconds;
  }

  stop(): void {
    this.due = Number.POSITIVE_INFINITY;
  }

  goOff(): void {
    this.stop();
    this.ring();
  }
}
