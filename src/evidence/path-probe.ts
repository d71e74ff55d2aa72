// Finds the largest packet that a node answers: at most a few hundred small packets, and only when an administrator asks why.
import { setTimeout as delay } from 'node:timers/promises';
import { monotonicNow } from '../clock.ts';
import { loadLibc } from '../libc.ts';
import { EchoSocket } from './echo-socket.ts';
import { LEAST, nextSizes, type PathResult, resultOf } from './path-search.ts';

/** How long a round waits for answers, in milliseconds: an emulated machine answers slowly. */
const ROUND_MS = 700;
/** When each unanswered size is sent in a round, in milliseconds: packets get lost by chance. */
const SENDS = [0, 150, 300];
const POLL_MS = 20;
/** The sequence numbers of the small packets of a round: no packet of another size has them. */
const SMALL = 65_000;
/** A size without an answer counts only when at least this many small packets are answered. */
const ANSWERED = 2;
/** Nodes probed at the same time. */
const MOST = 16;

/** The socket of a probe. */
export type Echoes = Pick<EchoSocket, 'send' | 'answers' | 'close'>;

let running = 0;

/**
 * Returns which packets the node answers; undefined when the head may not ask, or is too busy.
 * @param from the head's address that the node speaks to
 * @param mtu the most that the head's interface sends
 * @param left milliseconds that the search may take
 */
export async function probePath(
  { ip, from, mtu }: { ip: string; from: string; mtu: number },
  left: number,
  open: (from: string) => Promise<Echoes | undefined> = openEcho,
): Promise<PathResult | undefined> {
  const until = monotonicNow() + left;
  if (running >= MOST || left < ROUND_MS) return undefined;
  running += 1;
  const socket = await open(from);
  try {
    if (!socket) return undefined;
    const search = { mtu, answered: new Set<number>(), tried: new Set<number>() };
    for (let sizes = nextSizes(search); sizes.length > 0; sizes = nextSizes(search)) {
      if (monotonicNow() + ROUND_MS > until) break;
      const { answered, small } = await round(socket, ip, sizes, Math.max(LEAST, ...search.answered));
      for (const size of answered) search.answered.add(size);
      if (search.answered.size === 0 && small === 0) break;
      // A node that has just stopped answering, or is too slow, tells nothing about sizes
      if (small >= ANSWERED || answered.size === sizes.length) for (const size of sizes) search.tried.add(size);
    }
    return resultOf(search);
  } finally {
    running -= 1;
    socket?.close();
  }
}

/**
 * Returns the sizes that were answered, and how many of the packets of a size that passes. Each of these is sent after all
 * others: packets keep their order, so its answer means that the others had their chance.
 */
async function round(
  socket: Echoes,
  ip: string,
  sizes: readonly number[],
  passing: number,
): Promise<{ answered: ReadonlySet<number>; small: number }> {
  const answered = new Set<number>();
  const small = new Set<number>();
  // The size is the sequence number, so answers cannot be confused. A full queue drops the last ones
  const largestFirst = sizes.toSorted((left, right) => right - left);
  const begun = monotonicNow();
  let sends = 0;
  for (let now = begun; now - begun < ROUND_MS && answered.size < sizes.length; now = monotonicNow()) {
    if (now - begun >= (SENDS[sends] ?? ROUND_MS)) {
      for (const size of largestFirst) if (!answered.has(size)) socket.send(ip, size, size);
      socket.send(ip, passing, SMALL + sends);
      sends += 1;
    }
    await delay(POLL_MS);
    for (const sequence of socket.answers(ip)) {
      if (sizes.includes(sequence)) answered.add(sequence);
      else if (sequence >= SMALL) small.add(sequence);
    }
  }
  return { answered, small: small.size };
}

async function openEcho(from: string): Promise<EchoSocket | undefined> {
  return EchoSocket.open(await loadLibc(), from);
}
