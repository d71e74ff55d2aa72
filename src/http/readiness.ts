// Which of many descriptors can go on: epoll(7), told of each change once.
import { endianness } from 'node:os';
import { type Called, EPOLL, type Libc } from '../libc.ts';

/** struct epoll_event is packed on x86-64 alone (linux/eventpoll.h): 32 bits of events, then 64 of the caller's own. */
const PACKED = process.arch === 'x64';
const SIZE = PACKED ? 12 : 16;
const OWN = PACKED ? 4 : 8;
/** Answers of one call. */
const MOST = 256;
const LITTLE = endianness() === 'LE';

/** Throws when the system gives no descriptor. */
export class Readiness {
  private readonly libc: Libc;
  private readonly epoll: number;
  private readonly events = Buffer.alloc(SIZE * MOST);

  constructor(libc: Libc) {
    this.libc = libc;
    this.epoll = must('epoll_create1', libc.epollCreate());
  }

  /** From now on `wait` answers the number when the descriptor can be written, or read. The number is of 32 bits. */
  add(fd: number, own: number, what: 'write' | 'read'): Called {
    const event = Buffer.alloc(SIZE);
    const events = (what === 'write' ? EPOLL.OUT : EPOLL.IN) + EPOLL.ET;
    if (LITTLE) event.writeUInt32LE(events, 0);
    else event.writeUInt32BE(events, 0);
    event.writeUInt32LE(own, OWN);
    return this.libc.epollControl(this.epoll, EPOLL.CTL_ADD, fd, event);
  }

  remove(fd: number): void {
    this.libc.epollControl(this.epoll, EPOLL.CTL_DEL, fd, this.events);
  }

  /** The numbers of what changed since the last call; waits for it, and stops the thread, for so many milliseconds at most. */
  wait(milliseconds: number): number[] {
    const count = this.libc.epollWait(this.epoll, this.events, MOST, milliseconds);
    if (typeof count !== 'number') return [];
    return Array.from({ length: count }, (_, index) => this.events.readUInt32LE(index * SIZE + OWN));
  }
}

/** The answer of a call that has to succeed. */
export function must(call: string, answer: Called): number {
  if (typeof answer === 'number') return answer;
  throw new Error(`${call}: ${answer.code}`);
}
