// GET /metrics over TCP, for Prometheus: text out, nothing in, few connections at a time.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { starting } from './preflight.ts';

/** A scraper has one connection; more than a handful are a mistake. */
const CONNECTIONS = 16;

/** Listens on `address` (IPv4 and port); throws `bad-config` when it is not available. */
export async function startMetricsServer(
  address: string,
  text: () => Promise<string>,
): Promise<{ port: number; close(): Promise<void> }> {
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 10_000 }, async (request, response) => {
    const isWanted = request.url?.split('?')[0] === '/metrics' && ['GET', 'HEAD'].includes(request.method ?? '');
    if (!isWanted) {
      response.writeHead(404, { 'Content-Type': 'text/plain' }).end('The metrics are at /metrics.\n');
      return;
    }
    const body = await text().catch(() => undefined);
    if (body === undefined) response.writeHead(500).end();
    else response.writeHead(200, { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' }).end(body);
  });
  server.maxConnections = CONNECTIONS;
  const [host = '', port] = address.split(':');
  await starting('The metrics server', 'metrics.address', async () => {
    server.listen(Number(port), host);
    await once(server, 'listening');
  });
  const bound = server.address();
  return {
    port: typeof bound === 'object' && bound ? bound.port : Number(port),
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
