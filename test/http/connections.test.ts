// How connections end: GRUB's by a reset, so that nothing of them is left for its next boot; others' in order.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { boundConnections } from '../../src/http/connections.ts';

/** A connection that has had one whole answer, as its `User-Agent` asks for one. */
async function answered(t: ExecutionContext, agent: string, grubIdleMs?: number): Promise<Socket> {
  const server = createServer((_request, response) => response.end('ok'));
  server.keepAliveTimeout = 3_600_000;
  boundConnections(server, grubIdleMs === undefined ? {} : { grubIdleMs });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true });
  t.teardown(() => {
    socket.destroy();
    server.close();
    server.closeAllConnections();
  });
  socket.write(`GET /boot/v1/grub.cfg HTTP/1.1\r\nHost: 10.54.0.1\r\nUser-Agent: ${agent}\r\n\r\n`);
  let heard = '';
  while (!heard.endsWith('ok')) heard += String((await once(socket, 'data'))[0]);
  return socket;
}

/** `ECONNRESET`, or `end` for a connection that was closed in order. */
async function howItEnds(socket: Socket): Promise<string> {
  return await new Promise(resolve => {
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
    socket.once('end', () => resolve('end'));
    socket.resume();
  });
}

test('a connection that GRUB closes is reset; that of another client is closed normally', async t => {
  for (const [agent, end] of [
    ['GRUB 2.06-13+deb12u2', 'ECONNRESET'],
    ['iPXE/1.0.0+git-20190125', 'end'],
  ] as const) {
    const socket = await answered(t, agent);
    const ending = howItEnds(socket);
    socket.end();
    t.is(await ending, end, agent);
  }
});

test('a connection that GRUB leaves open is reset after idle time', async t => {
  t.is(await howItEnds(await answered(t, 'GRUB 2.12', 50)), 'ECONNRESET');
});
