// A graceful end of an HTTP server: no new connections, and time for running answers.
import { once } from 'node:events';
import type { Server as HttpServer } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Counts the connections with running answers from now on. The returned function stops listening and resolves when these ended, or
 * `graceMs` passed. The end of a connection ends all its answers: Node reports it to none that waits for the one before.
 */
export function drains(server: HttpServer | HttpsServer): (graceMs: number) => Promise<void> {
  const running = new Map<Socket, number>();
  const known = new WeakSet<Socket>();
  const ended = (socket: Socket): void => {
    if (running.delete(socket) && running.size === 0) server.emit('muster:idle');
  };
  server.on('request', ({ socket }, response) => {
    if (!known.has(socket)) socket.once('close', () => ended(socket));
    known.add(socket);
    running.set(socket, (running.get(socket) ?? 0) + 1);
    response.once('close', () => {
      const left = (running.get(socket) ?? 0) - 1;
      if (left > 0) running.set(socket, left);
      else ended(socket);
    });
  });
  return async graceMs => {
    server.close();
    server.closeIdleConnections();
    if (running.size === 0) return;
    const over = new AbortController();
    const idle = once(server, 'muster:idle', { signal: over.signal }).catch(() => undefined);
    await Promise.race([idle, delay(graceMs, undefined, { signal: over.signal }).catch(() => undefined)]);
    over.abort();
  };
}

/** Requests after their connection was cut: a route still has to note what was sent. */
export class UnderWay {
  private readonly handlers = new Set<Promise<unknown>>();

  /** Counts the handler's own promise until it is settled. */
  add<Result>(handled: Promise<Result>): Promise<Result> {
    const done = (): boolean => this.handlers.delete(settled);
    const settled: Promise<unknown> = handled.then(done, done);
    this.handlers.add(settled);
    return handled;
  }

  /** Resolves when all have ended, or `mostMs` passed. */
  async ended(mostMs: number): Promise<void> {
    const late = new AbortController();
    const limit = delay(mostMs, undefined, { signal: late.signal }).catch(() => undefined);
    await Promise.race([Promise.all(this.handlers), limit]);
    late.abort();
  }
}
