// What the thread of the server adds to it: its end does not end the service, and what it cannot be asked of it is bounded.
import test from 'ava';
import { createLog } from '../../src/log.ts';
import { Counts } from '../../src/tftp/counts.ts';
import type { Client, Opening } from '../../src/tftp/datagrams.ts';
import { Server } from '../../src/tftp/server.ts';
import { startTftpServer } from '../../src/tftp/start.ts';
import { ackBytes, fetchFile, nextPacket, openClient, requestBytes } from './client.ts';
import { linesOf } from './lines.ts';

const HOST = '127.0.0.1';
const NOBODY = { nodeByMac: () => undefined, nodeByIp: () => undefined };

test('a thread that falls over is followed by another, at the same port; requests wait for it', async t => {
  const { lines, sink } = linesOf();
  const server = await startTftpServer({
    address: HOST,
    port: 0,
    files: new Map([
      ['unlucky', Buffer.alloc(1013)],
      ['text', Buffer.from('text')],
    ]),
    journey: { note: () => {} },
    directory: NOBODY,
    log: createLog('info', sink),
    program: new URL('./falling-thread.js', import.meta.url),
  });
  t.teardown(async () => server.close());
  const client = await openClient();
  t.teardown(() => client.close());
  client.send(requestBytes(1, 'unlucky'), server.port, HOST);
  const first = await nextPacket(client);
  client.send(ackBytes(1), first?.from.port ?? 0, HOST);
  while (!lines.some(line => line['msg'] === 'The TFTP server fell over')) await new Promise(setImmediate);
  t.like(
    lines.find(line => line['msg'] === 'The TFTP server fell over'),
    { level: 'error', reason: 'this file is too much' },
  );
  const { content } = await fetchFile({ address: HOST, port: server.port, file: 'text' });
  t.is(content.toString(), 'text');
  while (server.stats().finished === 0) await new Promise(setImmediate);
  t.true(lines.some(line => line['msg'] === 'TFTP is served again'));
  t.is(server.stats().active, 0);
});

test('a thread that cannot begin is the reason of a server that does not start', async t => {
  const start = startTftpServer({
    address: HOST,
    port: 0,
    files: new Map(),
    journey: { note: () => {} },
    directory: NOBODY,
    log: createLog('error', linesOf().sink),
    program: new URL('./no-such-thread.js', import.meta.url),
  });
  await t.throwsAsync(start, {
    code: 'bad-config',
    message: /TFTP cannot listen on 127\.0\.0\.1 port 0: .*no-such-thread/,
  });
});

test('while the event loop answers nothing, requests that wait for their files are bounded, and each client has one', async t => {
  let opening: Opening | undefined;
  let asked = 0;
  const counts = new Counts();
  const lines: string[] = [];
  const server = new Server(
    { address: HOST, port: 69, singlePort: false },
    {
      counts,
      listeners: { line: (_level, _fields, message) => lines.push(message), note: () => {} },
      content: async () => {
        asked += 1;
        return new Promise(() => {});
      },
      loop: {
        async open(given) {
          opening = given;
          return { port: 69, waiting: false, send: () => t.fail(), sendBlocks: () => t.fail(), close: async () => {} };
        },
        alarm: () => ({ set: () => {}, stop: () => {} }),
      },
    },
  );
  await server.listen();
  const send = (from: Client): void => opening?.received(requestBytes(1, 'snponly.efi'), from);
  for (let client = 0; client < 5000; client += 1) {
    const from = { address: `10.0.${client >> 8}.${client & 255}`, port: 2000 };
    send(from);
    send(from);
  }
  t.is(asked, 1024);
  t.is(counts.now().active, 1024);
  t.is(counts.now().ignored, 10_000 - 1024);
  t.deepEqual(lines, ['TFTP busy, a request was not answered']);
  await server.close();
  t.is(counts.now().active, 0);
});
