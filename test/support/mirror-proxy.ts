// The machine's way to package mirrors for programs in a network namespace that has none: an HTTP proxy at one of its addresses.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { ExecutionContext } from 'ava';
import { EnvHttpProxyAgent, request } from 'undici';
import type { Namespace } from '../../lab/namespace.ts';

const PORT = 3128;

/** In the namespace: each connection to the port goes to the socket, which a network namespace does not hide. */
const BRIDGE = `import { connect, createServer } from 'node:net';
const [socket, address, port] = process.argv.slice(1);
createServer(near => {
  const far = connect(socket);
  for (const [from, to] of [[near, far], [far, near]]) from.on('error', () => to.destroy()).pipe(to);
}).listen(Number(port), address, () => process.stdout.write('ready'));`;

export interface MirrorProxy {
  /** Value of http_proxy. */
  url: string;
  /** While false, every request is refused as by a proxy that reaches nothing. */
  reaches: boolean;
  /** How many files were sent. */
  sent: number;
}

export async function startMirrorProxy(
  t: ExecutionContext,
  namespace: Namespace,
  { folder, address }: { folder: string; address: string },
): Promise<MirrorProxy> {
  const proxy: MirrorProxy = { url: `http://${address}:${PORT}`, reaches: true, sent: 0 };
  const dispatcher = new EnvHttpProxyAgent({ proxyTunnel: false });
  const server = createServer((asked, answer) => {
    const forward = async (): Promise<void> => {
      if (!proxy.reaches) {
        answer.writeHead(502).end('the mirror cannot be reached\n');
        return;
      }
      const { host: _host, connection: _connection, 'proxy-connection': _proxy, ...headers } = asked.headers;
      const far = await request(asked.url ?? '', { dispatcher, method: 'GET', headers });
      answer.writeHead(far.statusCode, far.headers);
      await pipeline(far.body, answer);
      proxy.sent += 1;
    };
    // A client that was interrupted hangs up; a mirror that does not answer is the client's to report.
    forward().catch(() => answer.destroy());
  });
  const socket = join(folder, 'mirror.sock');
  server.listen(socket);
  await once(server, 'listening');
  const words = [process.execPath, '--input-type=module', '-e', BRIDGE, socket, address, String(PORT)];
  const [program = '', ...args] = namespace.command(words);
  const bridge = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(bridge, 'exit');
  t.teardown(async () => {
    bridge.kill('SIGKILL');
    await ended;
    server.closeAllConnections();
    server.close();
    // Not `close`, which waits for answers that an interrupted client has left unread.
    await dispatcher.destroy();
  });
  await once(bridge.stdout, 'data');
  return proxy;
}
