// The boot plane over TLS with the clients that nodes have: the key is pinned, and nothing else is served.
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { ConnectionBounds } from '../../src/http/connections.ts';
import { startTlsPlane } from '../../src/http/tls-plane.ts';
import { run } from '../../src/process/run.ts';
import { loadHeadCertificate } from '../../src/tls/head-certificate.ts';
import { findProgram } from '../support/require.ts';

async function served(t: import('ava').ExecutionContext, bounds?: ConnectionBounds) {
  const folder = await mkdtemp(join(tmpdir(), 'muster-tls-'));
  t.teardown(async () => rm(folder, { recursive: true, force: true }));
  const pair = await loadHeadCertificate(folder);
  const asked: string[] = [];
  const server = await startTlsPlane(
    { addresses: ['127.0.0.1', '127.0.0.2'], port: 0, ...pair, ...(bounds && { bounds }) },
    {
      answer: async (request, response) => {
        asked.push(request.url ?? '');
        response.end('the secret');
      },
    },
  );
  t.teardown(async () => server.close(100));
  return { ...server, ...pair, asked, folder };
}

/** As a node asks: the configuration on standard input, so that no argument holds anything. */
async function curl(url: string, pin: string) {
  const config = `url = "${url}"\nsilent\nshow-error\ninsecure\npinnedpubkey = "${pin}"\nmax-time = 20\n`;
  return run(findProgram('curl') ?? 'curl', ['-q', '-K', '-'], { input: config });
}

test('curl gets an answer from each address when the pin is right', async t => {
  const { port, pin, asked } = await served(t);
  for (const host of ['127.0.0.1', '127.0.0.2'])
    t.like(await curl(`https://${host}:${port}/x`, pin), { status: 0, stdout: 'the secret' });
  t.deepEqual(asked, ['/x', '/x']);
});

test('curl sends nothing to a server with another key', async t => {
  const { port, asked } = await served(t);
  const { pin } = await served(t);
  const { status, stdout } = await curl(`https://127.0.0.1:${port}/x`, pin);
  // curl(1): 90, the pinned public key does not match
  t.is(status, 90);
  t.is(stdout, '');
  t.deepEqual(asked, []);
});

test('when one address is in use, a later attempt can have them all', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-tls-'));
  t.teardown(async () => rm(folder, { recursive: true, force: true }));
  const pair = await loadHeadCertificate(folder);
  const other = createServer().listen(0, '127.0.0.2');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  const start = async () =>
    startTlsPlane({ addresses: ['127.0.0.1', '127.0.0.2'], port, ...pair }, { answer: async () => undefined });
  await t.throwsAsync(start(), { code: 'EADDRINUSE' });
  other.close();
  await once(other, 'close');
  const server = await start();
  t.is(server.port, port);
  await server.close(0);
});

test('old protocols, plain HTTP and garbage get no answer, and the next client does', async t => {
  const { port, pin, asked } = await served(t);
  const openssl = findProgram('openssl') ?? 'openssl';
  const old = await run(openssl, ['s_client', '-connect', `127.0.0.1:${port}`, '-tls1_1'], { input: '' });
  t.not(old.status, 0);
  for (const words of ['GET /x HTTP/1.1\r\nHost: h\r\n\r\n', '\x16\x03\x01\xff\xff', '\0'.repeat(70_000)]) {
    const text = await new Promise<string>(resolve => {
      const socket = connect(port, '127.0.0.1', () => socket.end(words, 'latin1'));
      let said = '';
      socket.on('data', bytes => (said += bytes.toString('latin1')));
      socket.on('error', () => resolve(said));
      socket.on('close', () => resolve(said));
    });
    t.notRegex(text, /secret/);
  }
  t.deepEqual(asked, []);
  t.is((await curl(`https://127.0.0.1:${port}/x`, pin)).status, 0);
});

test('one address has a bounded number of connections', async t => {
  const refused: string[] = [];
  const { port, pin } = await served(t, { perPeer: 3, refused: peer => void refused.push(peer) });
  const sockets = await Promise.all(
    Array.from(
      { length: 3 },
      async () =>
        new Promise<import('node:net').Socket>(resolve => {
          const socket = connect(port, '127.0.0.1', () => resolve(socket));
        }),
    ),
  );
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
  });
  const { status } = await curl(`https://127.0.0.1:${port}/x`, pin);
  t.not(status, 0);
  t.deepEqual(refused, ['127.0.0.1']);
});
