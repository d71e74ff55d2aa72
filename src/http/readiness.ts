// Which of many descriptors can go on: epoll(7), told of each change once.
import { type Called, EPOLL, type Libc } from '../libc.ts';

/** struct epoll_event in words of 32 bits: the events, then two of the caller's own; packed on x86-64 alone (linux/eventpoll.h). */
const WORDS = process.arch === 'x64' ? 3 : 4;
const OWN = WORDS - 2;
/** Answers of one call. */
const MOST = 256;

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

  /** From now on `wait` answers the number when the descriptor can be written, or read. The number is of 32 bits. */
  add(fd: number, own: number, what: 'write' | 'read'): Called {
    const event = new Uint32Array(WORDS);
    event[0] = (what === 'write' ? EPOLL.OUT : EPOLL.IN) + EPOLL.ET;
    event[OWN] = own;
    return this.libc.epollControl(this.epoll, EPOLL.CTL_ADD, fd, Buffer.from(event.buffer));
  }

  remove(fd: number): void {
    this.libc.epollControl(this.epoll, EPOLL.CTL_DEL, fd, this.bytes);
  }

  /** The numbers of what changed since the last call; waits for it, and stops the thread, for so many milliseconds at most. */
  wait(milliseconds: number): number[] {
    const count = this.libc.epollWait(this.epoll, this.bytes, MOST, milliseconds);
    if (typeof count !== 'number') return [];
    return Array.from({ length: count }, (_, index) => this.events[index * WORDS + OWN] ?? 0);
  }
}
