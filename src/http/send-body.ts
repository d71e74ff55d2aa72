// The bytes of a file into a connection: by sendfile(2) out of the page cache, here or by a thread, or by a buffer where that cannot
// be had.
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
  /** Told of the bytes that the kernel has taken. */
  progress(bytes: number): void;
}

/** What a slow client costs here beside its connection, in bytes. */
const WAKE = 4096;
/** The most that one connection sends before the others have their turn. */
const TURN = 1 << 20;
/** What a thread sends before it is asked whether the file's next bytes are in the page cache. */
const PIECE = 64 << 20;

/** Sends by a thread: the event loop sees to the header, to what has to be read from the disk, and to the end of the connection. */
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
  // Once this is written the kernel has the header too, and Node nothing that would come between
  if (first.length === 0 || !(await end.written(first))) return 0;
  progress(first.length);
  let sent = first.length;
  // A descriptor of its own: the number of one that Node closes may be another connection in the next moment
  const own = libc.duplicate(descriptorOf(response.socket) ?? -1);
  if (typeof own !== 'number') return sent;
  const told = (bytes: number): void => {
    progress(bytes);
    // Node sees nothing of this and would take the connection for idle
    response.socket?.setTimeout(response.socket.timeout ?? 0);
  };
  try {
    while (sent < length && !end.reached) {
      const there = await source.warm(from + sent, Math.min(PIECE, length - sent));
      const piece = { socket: own, file: source.descriptor, position: from + sent, length: there };
      const { bytes, slow } = await senders.send(piece, told, end.signal);
      sent += bytes;
      if (slow) source.cool();
      if (bytes < there || there === 0) break;
    }
  } finally {
    libc.close(own);
  }
  cork(response.socket, libc, false);
  return sent;
}

/**
 * Sends as much as the connection takes at once by sendfile, which neither copies the bytes nor holds memory for a slow client.
 * Node does not tell when a connection takes more, except by the end of a write: so what follows a full connection is a small
 * write of Node's own.
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
      // EAGAIN is a full connection; what else there is, an end of the connection for one, the next write is told
      if (typeof taken !== 'number' || taken === 0) break;
      sent += taken;
      progress(taken);
      // A connection that took a part is full as well
      if (taken < there) break;
    }
  }
  cork(response.socket, libc, false);
  return sent;
}

/**
 * Holds back what does not fill a segment (tcp(7), TCP_CORK): sendfile hands over 64 KiB at a time, and the pieces that remain of
 * each cost a third of its time.
 */
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

  /** Whether the kernel has taken all of it. */
  written(bytes: Buffer): Promise<boolean> {
    return new Promise(resolve => {
      if (this.reached) return resolve(false);
      this.wake = resolve;
      this.response.write(bytes, error => resolve(!error));
    });
  }
}
