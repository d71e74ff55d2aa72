// File descriptors that a thread holds. They belong to the process: a thread that dies, even from lack of memory, leaves them
// open. So the thread marks them in memory shared with its parent, and the parent closes what is left.
import type { Called, Libc } from './libc.ts';

/** Descriptors above this are not tracked: the kernel gives the lowest free number, and unit files allow fewer. */
const MOST = 1 << 20;

/** A bit for each descriptor number, in shared memory. */
export type HeldDescriptors = Uint8Array<SharedArrayBuffer>;

export function noDescriptors(): HeldDescriptors {
  return new Uint8Array(new SharedArrayBuffer(MOST / 8));
}

/** Returns the same library, with every descriptor that it opens marked in `held` until it closes it. */
export function tracked(libc: Libc, held: HeldDescriptors): Libc {
  const opened = (called: Called): Called => {
    if (typeof called === 'number') mark(held, called, true);
    return called;
  };
  return {
    ...libc,
    socket: (...words) => opened(libc.socket(...words)),
    duplicate: fd => opened(libc.duplicate(fd)),
    eventfd: () => opened(libc.eventfd()),
    epollCreate: () => opened(libc.epollCreate()),
    close(fd) {
      // Before the call: as soon as it is closed, another thread may have the number
      mark(held, fd, false);
      return libc.close(fd);
    },
  };
}

/** Closes what a thread that has ended left open. */
export function closeHeld(libc: Libc, held: HeldDescriptors): void {
  for (const [at, bits] of held.entries()) {
    if (bits === 0) continue;
    for (let bit = 0; bit < 8; bit += 1) if (bits & (1 << bit)) libc.close(at * 8 + bit);
    held[at] = 0;
  }
}

function mark(held: HeldDescriptors, fd: number, isHeld: boolean): void {
  if (fd < 0 || fd >= MOST) return;
  const at = fd >> 3;
  const bit = 1 << (fd & 7);
  held[at] = isHeld ? (held[at] ?? 0) | bit : (held[at] ?? 0) & ~bit;
}
