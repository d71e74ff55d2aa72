// Requests that a client pipelines (RFC 9112 §9.3.2): each is answered after the one before it, and few may wait.
import type { Socket } from 'node:net';

/** Requests of a connection that are not answered yet. apt pipelines ten (Acquire::http::Pipeline-Depth); loaders and initramfs none. */
const MOST = 64;

interface Line {
  /** Resolves when the last request so far is answered. */
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

  /** Answers a request when those before it on its connection are answered: otherwise each of them would hold an open file. */
  async inTurn(socket: Socket, answer: () => Promise<void>): Promise<void> {
    const line = this.lines.get(socket) ?? { last: Promise.resolve(), count: 0 };
    this.lines.set(socket, line);
    if (socket.destroyed) return;
    if (line.count >= MOST) {
      this.closed(socket.remoteAddress ?? '', MOST);
      socket.destroy();
      return;
    }
    line.count += 1;
    const turn = line.count === 1 ? answer() : line.last.then(async () => (socket.destroyed ? undefined : answer()));
    line.last = turn.finally(() => {
      line.count -= 1;
    });
    await line.last;
  }
}
