// Sends the bytes of a file into a connection with sendfile(2) out of the page cache, here or in a thread.
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type Libc, nativeInt, SOCKET } from '../libc.ts';
import { descriptorOf } from './descriptor.ts';
import type { Senders } from './senders.ts';
import type { WarmFile } from './warm-file.ts';

export interface Body {
  /** First byte, counted in the file. */
  from: number;
  length: number;
  status: number;
  /** Receives the bytes that the kernel has accepted. */
  progress(bytes: number): void;
  /** The peer reset the connection, and the thread alone saw it. */
  reset?(): void;
}

/** What a slow client costs here next to its connection, in bytes. */
const WAKE = 4096;
/** The most that one connection sends before the others have their turn. */
const TURN = 1 << 20;
/** What a thread sends before the page cache is checked for the file's next bytes. */
const PIECE = 64 << 20;

/** Sends by a thread: the event loop handles the header, disk reads, and the end of the connection. */
export async function sendByThread(
  response: ServerResponse,
  source: WarmFile,
  body: Body,
  libc: Libc,
  senders: Senders,
): Promise<number> {
  const { from, length, status, progress } = body;
  const end = new Ending(response);
  const small = Buffer.allocUnsafe(Math.min(WAKE, length));
  cork(response.socket, libc, true);
  response.writeHead(status, { 'Content-Length': length });
  const there = await source.warm(from, small.length);
  const first = small.subarray(0, source.read(small.subarray(0, there), from));
  // Once this is written, the kernel has the header too, and Node has nothing that would come in between
  if (first.length === 0 || !(await end.written(first))) return 0;
  progress(first.length);
  let sent = first.length;
  // A separate descriptor: the number of one that Node closes may be another connection a moment later
  const own = libc.duplicate(descriptorOf(response.socket) ?? -1);
  if (typeof own !== 'number') return sent;
  const told = (bytes: number): void => {
    progress(bytes);
    // Node sees nothing of this and would consider the connection idle
    response.socket?.setTimeout(response.socket.timeout ?? 0);
  };
  try {
    while (sent < length && !end.reached) {
      const there = await source.warm(from + sent, Math.min(PIECE, length - sent));
      const piece = { socket: own, file: source.descriptor, position: from + sent, length: there };
      const { bytes, slow, reset } = await senders.send(piece, told, end.signal);
      sent += bytes;
      if (slow) source.cool();
      if (reset) body.reset?.();
      if (bytes < there || there === 0) break;
    }
  } finally {
    libc.close(own);
  }
  cork(response.socket, libc, false);
  return sent;
}

/**
 * Sends as much as the connection accepts at once by sendfile, which neither copies the bytes nor holds memory for a slow client.
 * Node reports that a connection accepts more only when one of its writes ends: so a full connection gets a small write of Node's
 * own.
 */
export async function sendByKernel(
  response: ServerResponse,
  source: WarmFile,
  body: Body,
  libc: Libc,
): Promise<number> {
  const { from, length, status, progress } = body;
  const end = new Ending(response);
  const small = Buffer.allocUnsafe(Math.min(WAKE, length));
  let sent = 0;
  cork(response.socket, libc, true);
  response.writeHead(status, { 'Content-Length': length });
  send: while (sent < length && !end.reached) {
    const wanted = Math.min(small.length, await source.warm(from + sent, Math.min(TURN, length - sent)));
    const bytesRead = source.read(small.subarray(0, wanted), from + sent);
    if (bytesRead === 0 || !(await end.written(small.subarray(0, bytesRead)))) break;
    sent += bytesRead;
    progress(bytesRead);
    while (sent < length && !end.reached) {
      const there = await source.warm(from + sent, Math.min(TURN, length - sent));
      const socket = descriptorOf(response.socket);
      if (there === 0 || socket === undefined) break send;
      const taken = source.timed(() => libc.sendfile(socket, source.descriptor, from + sent, there));
      // EAGAIN is a full connection; the next write reports everything else, such as the end of the connection
      if (typeof taken !== 'number' || taken === 0) break;
      sent += taken;
      progress(taken);
      // A connection that accepted a part is also full
      if (taken < there) break;
    }
  }
  cork(response.socket, libc, false);
  return sent;
}

/** Holds back partial segments (tcp(7), TCP_CORK): sendfile passes on 64 KiB at a time, and the remainders cost a third of its time. */
function cork(socket: Socket | null, libc: Libc, on: boolean): void {
  const descriptor = descriptorOf(socket);
  if (descriptor !== undefined) libc.setsockopt(descriptor, SOCKET.SOL_TCP, SOCKET.TCP_CORK, nativeInt(on ? 1 : 0));
}

/** Writes until the connection ends. */
class Ending {
  private readonly closed = new AbortController();
  private readonly response: ServerResponse;
  private wake: (whole: boolean) => void = () => {};

  constructor(response: ServerResponse) {
    this.response = response;
    if (response.destroyed) this.closed.abort();
    response.once('close', () => {
      this.closed.abort();
      this.wake(false);
    });
  }

  get reached(): boolean {
    return this.closed.signal.aborted;
  }

  get signal(): AbortSignal {
    return this.closed.signal;
  }

  /** Resolves with whether the kernel has accepted all of it. */
  written(bytes: Buffer): Promise<boolean> {
    return new Promise(resolve => {
      if (this.reached) return resolve(false);
      this.wake = resolve;
      this.response.write(bytes, error => resolve(!error));
    });
  }
}
