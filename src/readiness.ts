// Which of many descriptors can go on: epoll(7).
import { type Called, EPOLL, type Libc } from './libc.ts';

/** struct epoll_event in words of 32 bits: the events, then two of the caller's own; packed on x86-64 only (linux/eventpoll.h). */
const WORDS = process.arch === 'x64' ? 3 : 4;
const OWN = WORDS - 2;
/** Events of one call. */
const MOST = 256;

/** The awaited events; their sum for several. */
export const READABLE = EPOLL.IN;
export const WRITABLE = EPOLL.OUT;
/** Reports each change once, not as long as it lasts. */
export const ONCE = EPOLL.ET;

/** Throws when the system gives no descriptor. */
export class Readiness {
  private readonly libc: Libc;
  private readonly epoll: number;
  private readonly events = new Uint32Array(WORDS * MOST);
  private readonly bytes = Buffer.from(this.events.buffer);

  constructor(libc: Libc) {
    this.libc = libc;
    const epoll = libc.epollCreate();
    if (typeof epoll !== 'number') throw new Error(`epoll_create1: ${epoll.code}`);
    this.epoll = epoll;
  }

  /** From now on `wait` reports the number when the descriptor is ready. The number has 32 bits. */
  add(fd: number, own: number, what: number): Called {
    return this.control(EPOLL.CTL_ADD, fd, own, what);
  }

  /** Changes the awaited events of a descriptor. */
  change(fd: number, own: number, what: number): Called {
    return this.control(EPOLL.CTL_MOD, fd, own, what);
  }

  remove(fd: number): void {
    this.libc.epollControl(this.epoll, EPOLL.CTL_DEL, fd, this.bytes);
  }

  /** Waits, blocking the thread, for at most `milliseconds`; returns the number of ready descriptors, which `own` names. */
  wait(milliseconds: number): number {
    const count = this.libc.epollWait(this.epoll, this.bytes, MOST, milliseconds);
    return typeof count === 'number' ? count : 0;
  }

  /** Returns the number of a ready descriptor. @param index from 0, below the result of `wait` */
  own(index: number): number {
    return this.events[index * WORDS + OWN] ?? 0;
  }

  close(): void {
    this.libc.close(this.epoll);
  }

  private control(operation: number, fd: number, own: number, what: number): Called {
    const event = new Uint32Array(WORDS);
    event[0] = what;
    event[OWN] = own;
    return this.libc.epollControl(this.epoll, operation, fd, Buffer.from(event.buffer));
  }
}
