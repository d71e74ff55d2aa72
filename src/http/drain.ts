// A graceful end of an HTTP server: no new connections, and time for the answers that are under way.
import { once } from 'node:events';
import type { Server } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

/** Counts the answers under way, from now on. The returned function stops listening and resolves when they ended, or `graceMs` passed. */
export function drains(server: Server): (graceMs: number) => Promise<void> {
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
