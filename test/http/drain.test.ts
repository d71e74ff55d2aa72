import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import test from 'ava';
import { drains } from '../../src/http/drain.ts';

async function serving() {
  const server = createServer();
  const drain = drains(server);
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const begun = new Promise<ServerResponse>(resolve => {
    server.on('request', (_request, response) => {
      response.write('first half, ');
      resolve(response);
    });
  });
  const answer = new Promise<string>((resolve, reject) => {
    get({ host: '127.0.0.1', port, agent: false }, response => void text(response).then(resolve, reject)).on(
      'error',
      reject,
    );
  });
  return { server, drain, port, begun, answer };
}

test('an answer in progress completes, and no new client is accepted', async t => {
  const { drain, port, begun, answer } = await serving();
  const response = await begun;
  const drained = drain(60_000);
  const refused = await new Promise<string | undefined>(resolve => {
    get({ host: '127.0.0.1', port, agent: false }, () => resolve('answered')).on('error', error =>
      resolve((error as NodeJS.ErrnoException).code),
    );
  });
  t.is(refused, 'ECONNREFUSED');
  response.end('second half');
  await drained;
  t.is(await answer, 'first half, second half');
});

test('an endless answer delays the end by the grace period at most', async t => {
  const { server, drain, begun, answer } = await serving();
  await begun;
  await drain(10);
  server.closeAllConnections();
  await t.throwsAsync(answer);
});

test('an idle server drains at once', async t => {
  const server = createServer();
  const drain = drains(server);
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  await drain(600_000);
  t.false(server.listening);
});

test('pipelined requests of a client that left delay nothing', async t => {
  const server = createServer();
  const drain = drains(server);
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(2));
  const requests: IncomingMessage[] = [];
  await new Promise<void>(resolve => {
    server.on('request', request => requests.push(request) === 2 && resolve());
  });
  const closed = requests.map(async request => once(request.socket, 'close'));
  socket.destroy();
  await Promise.all(closed);
  await drain(600_000);
  t.false(server.listening);
});
