// Header names are spelled as GRUB reads them, however the framework spelled them.
import { once } from 'node:events';
import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import test from 'ava';
import { spellHeaders } from '../../src/http/header-names.ts';

test('names are capitalised, values and status stay', async t => {
  const server = createServer((_request, response) => {
    spellHeaders(response);
    response.writeHead(206, { 'content-length': 2, etag: '"x"', 'content-type': 'text/plain' }).end('ok');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const request = get({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', agent: false });
  const [response] = await once(request, 'response');
  response.resume();
  t.is(response.statusCode, 206);
  t.deepEqual(response.rawHeaders.slice(0, 6), ['Content-Length', '2', 'ETag', '"x"', 'Content-Type', 'text/plain']);
});
