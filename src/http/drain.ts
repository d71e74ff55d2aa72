// A graceful end of an HTTP server: no new connections, and time for running answers.
import { once } from 'node:events';
import type { Server as HttpServer } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';

/** Counts running answers from now on. The returned function stops listening and resolves when they ended, or `graceMs` passed. */
export function drains(server: HttpServer | HttpsServer): (graceMs: number) => Promise<void> {
  let underWay = 0;
  server.on('request', (_request, response) => {
    underWay += 1;
    response.once('close', () => {
      underWay -= 1;
      if (underWay === 0) server.emit('muster:idle');
    });
  });
  return async graceMs => {
    server.close();
    server.closeIdleConnections();
    if (underWay === 0) return;
    const ended = new AbortController();
    const idle = once(server, 'muster:idle', { signal: ended.signal }).catch(() => undefined);
    await Promise.race([idle, delay(graceMs, undefined, { signal: ended.signal }).catch(() => undefined)]);
    ended.abort();
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
