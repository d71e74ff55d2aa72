// Requests that a client pipelines (RFC 9112 §9.3.2): each is answered after the one before it, and few may wait.
import type { Socket } from 'node:net';

/** Requests of a connection that are not answered yet. apt pipelines ten (Acquire::http::Pipeline-Depth); loaders and initramfs none. */
const MOST = 64;

/** What is used of a response: its end. */
interface Closes {
  once(event: 'close', listener: () => void): unknown;
}

interface Line {
  /** Resolves when the last response so far has ended. */
  last: Promise<void>;
  count: number;
}

export class Pipeline {
  private readonly lines = new WeakMap<Socket, Line>();
  private readonly closed: (peer: string, most: number) => void;

  /** @param closed receives the address of a client with too many requests on a connection, which is closed */
  constructor(closed: (peer: string, most: number) => void) {
    this.closed = closed;
  }

  /**
   * Answers a request when the responses to those before it have ended: otherwise each of them would hold an open file, and Node
   * reports the end of a connection only to the response that it is sending. Resolves when the answer is given.
   */
  async inTurn(socket: Socket, response: Closes, answer: () => Promise<void>): Promise<void> {
    const line = this.lines.get(socket) ?? { last: Promise.resolve(), count: 0 };
    this.lines.set(socket, line);
    if (socket.destroyed) return;
    if (line.count >= MOST) {
      this.closed(socket.remoteAddress ?? '', MOST);
      socket.destroy();
      return;
    }
    line.count += 1;
    const ended = new Promise<void>(resolve => response.once('close', resolve));
    const first = line.count === 1;
    const turn = first ? answer() : line.last.then(async () => (socket.destroyed ? undefined : answer()));
    line.last = turn.then(async () => {
      if (!socket.destroyed) await ended;
      line.count -= 1;
    });
    await turn;
  }
}
