// Finds the largest packet that a node answers: at most a few hundred small packets, and only when an administrator asks why.
import { setTimeout as delay } from 'node:timers/promises';
import { monotonicNow } from '../clock.ts';
import { loadLibc } from '../libc.ts';
import { EchoSocket } from './echo-socket.ts';
import { nextSizes, type PathResult, resultOf } from './path-search.ts';

/** How long a round waits for answers, in milliseconds: an emulated machine answers slowly. */
const ROUND_MS = 700;
/** When each unanswered size is sent in a round, in milliseconds: packets get lost by chance. */
const SENDS = [0, 150, 300];
const POLL_MS = 20;
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
      for (const size of await round(socket, ip, sizes)) search.answered.add(size);
      for (const size of sizes) search.tried.add(size);
    }
    return resultOf(search);
  } finally {
    running -= 1;
    socket?.close();
  }
}

/** Returns the sizes that were answered. The size is the sequence number, so answers cannot be confused. */
async function round(socket: Echoes, ip: string, sizes: readonly number[]): Promise<ReadonlySet<number>> {
  const answered = new Set<number>();
  const begun = monotonicNow();
  let sends = 0;
  for (let now = begun; now - begun < ROUND_MS && answered.size < sizes.length; now = monotonicNow()) {
    if (now - begun >= (SENDS[sends] ?? ROUND_MS)) {
      sends += 1;
      for (const size of sizes) if (!answered.has(size)) socket.send(ip, size, size);
    }
    await delay(POLL_MS);
    for (const size of socket.answers(ip)) if (sizes.includes(size)) answered.add(size);
  }
  return answered;
}

async function openEcho(from: string): Promise<EchoSocket | undefined> {
  return EchoSocket.open(await loadLibc(), from);
}
