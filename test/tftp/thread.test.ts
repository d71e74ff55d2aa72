// What the thread of the server adds to it: its end does not end the service, and what it cannot be asked of it is bounded.
import { EventEmitter, once } from 'node:events';
import { Writable } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import type { FailureLog } from '../../src/boot/evidence.ts';
import { loadLibc, socketAddress } from '../../src/libc.ts';
import { createLog } from '../../src/log.ts';
import type { ContentAnswer } from '../../src/tftp/contents.ts';
import { Counts } from '../../src/tftp/counts.ts';
import type { Client, Opening } from '../../src/tftp/datagrams.ts';
import { bindUdp } from '../../src/tftp/own-socket.ts';
import { Server } from '../../src/tftp/server.ts';
import { startTftpServer } from '../../src/tftp/start.ts';
import { ThreadedServer } from '../../src/tftp/threaded.ts';
import { until } from '../support/until.ts';
import { ackBytes, fetchFile, nextPacket, openClient, requestBytes } from './client.ts';
import { linesOf } from './lines.ts';

const HOST = '127.0.0.1';
const NOBODY = { nodeByMac: () => undefined, nodeByIp: () => undefined };
const SERVER = { address: HOST, port: 0, journey: { progress: () => {}, note: () => {} }, directory: NOBODY };
const FALLING = new URL('./falling-thread.js', import.meta.url);

/** Serves three files in the middle of which the thread falls over, and one that is none of its troubles. */
async function startFalling(t: ExecutionContext, program = FALLING, memory = {}, pingMs = 5000) {
  const { lines, sink } = linesOf();
  const files = new Map([
    ['endless', Buffer.alloc(1009)],
    ['unlucky', Buffer.alloc(1013)],
    ['promised', Buffer.alloc(1019)],
    ['hungry', Buffer.alloc(1021)],
    ['text', Buffer.from('text')],
  ]);
  const failures: Parameters<FailureLog['failed']>[0][] = [];
  const server = await startTftpServer({
    ...{ ...SERVER, files, log: createLog('info', sink), program, memory, pingMs },
    failures: { failed: failure => failures.push(failure) },
  });
  t.teardown(async () => server.close());
  return { lines, server, failures };
}

test('another thread replaces one that crashes, at the same port; requests wait for it', async t => {
  const { lines, server, failures } = await startFalling(t);
  const client = await openClient();
  t.teardown(() => client.close());
  client.send(requestBytes(1, 'unlucky'), server.port, HOST);
  const first = await nextPacket(client);
  client.send(ackBytes(1), first?.from.port ?? 0, HOST);
  while (!lines.some(line => line['msg'] === 'The TFTP server crashed')) await new Promise(setImmediate);
  t.like(
    lines.find(line => line['msg'] === 'The TFTP server crashed'),
    { level: 'error', reason: 'this file is too much' },
  );
  t.like(failures[0], { kind: 'crashed', deed: 'send', what: 'keep its TFTP server running' });
  const { content } = await fetchFile({ address: HOST, port: server.port, file: 'text' });
  t.is(content.toString(), 'text');
  while (server.stats().finished === 0) await new Promise(setImmediate);
  t.true(lines.some(line => line['msg'] === 'TFTP is served again'));
  t.is(server.stats().active, 0);
});

test('a thread that hangs is ended, reported as a failure of the head, and replaced', async t => {
  const { lines, server, failures } = await startFalling(t, FALLING, {}, 100);
  const client = await openClient();
  t.teardown(() => client.close());
  client.send(requestBytes(1, 'endless'), server.port, HOST);
  const first = await nextPacket(client);
  client.send(ackBytes(1), first?.from.port ?? 0, HOST);
  await until('the hang is reported', () => failures.length > 0);
  t.like(failures[0], { kind: 'crashed', what: 'keep its TFTP server running' });
  t.like(
    lines.find(line => line['level'] === 'error'),
    { reason: 'hung for 0.6 s and was ended' },
  );
  const { content } = await fetchFile({ address: HOST, port: server.port, file: 'text' });
  t.is(content.toString(), 'text');
});

test('a thread that crashes by an unhandled rejection leaves no socket open', async t => {
  const { lines, server } = await startFalling(t);
  const client = await openClient();
  const other = await openClient();
  for (const socket of [client, other]) t.teardown(() => socket.close());
  other.send(requestBytes(1, 'text'), server.port, HOST);
  const left = (await nextPacket(other))?.from.port ?? 0;
  client.send(requestBytes(1, 'promised'), server.port, HOST);
  const first = await nextPacket(client);
  client.send(ackBytes(1), first?.from.port ?? 0, HOST);
  await nextPacket(client);
  // Promises of the thread are looked at when the event loop answered something
  client.send(requestBytes(1, 'text'), server.port, HOST);
  while (!lines.some(line => line['msg'] === 'TFTP is served again')) await new Promise(setImmediate);
  const libc = await loadLibc();
  t.notThrows(() => libc.close(bindUdp(libc, HOST, left)), 'the port of the other transfer is free');
});

test('a thread that dies for lack of memory leaves no descriptor open', async t => {
  const { lines, server } = await startFalling(t, FALLING, { maxOldGenerationSizeMb: 48 });
  const clients = await Promise.all(Array.from({ length: 20 }, openClient));
  for (const socket of clients) t.teardown(() => socket.close());
  const left = await Promise.all(
    clients.map(async client => {
      client.send(requestBytes(1, 'text'), server.port, HOST);
      return (await nextPacket(client))?.from.port ?? 0;
    }),
  );
  const client = await openClient();
  t.teardown(() => client.close());
  client.send(requestBytes(1, 'hungry'), server.port, HOST);
  const first = await nextPacket(client);
  client.send(ackBytes(1), first?.from.port ?? 0, HOST);
  while (!lines.some(line => line['msg'] === 'TFTP is served again')) await new Promise(setImmediate);
  t.regex(String(lines.find(line => line['msg'] === 'The TFTP server crashed')?.['reason']), /memory/);
  const libc = await loadLibc();
  for (const port of left) t.notThrows(() => libc.close(bindUdp(libc, HOST, port)), `port ${port} is free`);
});

test('when no thread can start for a while, the server retries', async t => {
  const program = new URL(FALLING);
  const { lines, server } = await startFalling(t, program);
  const client = await openClient();
  t.teardown(() => client.close());
  client.send(requestBytes(1, 'unlucky'), server.port, HOST);
  const first = await nextPacket(client);
  // From such an address no thread can be made
  program.host = 'elsewhere';
  client.send(ackBytes(1), first?.from.port ?? 0, HOST);
  while (!lines.some(line => line['msg'] === 'TFTP could not be started again')) await new Promise(setImmediate);
  program.host = '';
  const { content } = await fetchFile({ address: HOST, port: server.port, file: 'text' });
  t.is(content.toString(), 'text');
});

test('a file whose read ends after the server closed does no harm', async t => {
  const disk = new EventEmitter();
  const asked = once(disk, 'asked');
  const unhandled: unknown[] = [];
  const hear = (reason: unknown): void => void unhandled.push(reason);
  process.on('unhandledRejection', hear);
  t.teardown(() => process.off('unhandledRejection', hear));
  const server = new ThreadedServer(
    await loadLibc(),
    { address: HOST, port: 0, singlePort: false },
    {
      counts: new Counts(),
      crashed: () => {},
      listeners: { line: () => {}, progress: () => {}, note: () => {} },
      content: async () => {
        const read = once(disk, 'read');
        disk.emit('asked');
        const [answer] = (await read) as [ContentAnswer];
        return answer;
      },
    },
  );
  await server.listen();
  const client = await openClient();
  t.teardown(() => client.close());
  client.send(requestBytes(1, 'text'), server.port, HOST);
  await asked;
  await Promise.all([server.close(), server.close()]);
  disk.emit('read', { refused: 'No file', code: 1 });
  await new Promise(setImmediate);
  t.deepEqual(unhandled, []);
});

test('a flood of messages for a busy event loop is bounded', async t => {
  let heard = 0;
  const sink = new Writable({
    write(_chunk, _encoding, done) {
      heard += 1;
      done();
    },
  });
  const server = await startTftpServer({
    ...SERVER,
    files: new Map(),
    directory: { nodeByMac: () => undefined, nodeByIp: ip => ({ uid: ip, name: 'n0', mac: '', ip, hostname: 'n0' }) },
    journey: { note: () => (heard += 1) },
    log: createLog('info', sink),
  });
  t.teardown(async () => server.close());
  const libc = await loadLibc();
  const to = socketAddress(HOST, server.port);
  const write = requestBytes(2, 'snponly.efi');
  // Without a turn of the event loop. Each address is refused in words of its own: a line and a note
  for (let client = 0; server.stats().refused < 20_000; client += 1) {
    const fd = bindUdp(libc, `127.${(client >> 16) & 127}.${(client >> 8) & 255}.${client & 255 || 1}`, 0);
    libc.sendto(fd, write, write.length, to);
    libc.close(fd);
  }
  const { refused } = server.stats();
  await server.close();
  // Those of packets that were still on their way come on top
  t.true(heard > 0 && heard < 2 * 8192, `${heard} words of ${refused} refusals`);
});

test('when its thread cannot start, the server fails with that reason', async t => {
  const start = startTftpServer({
    ...SERVER,
    files: new Map(),
    log: createLog('error', linesOf().sink),
    program: new URL('./no-such-thread.js', import.meta.url),
  });
  await t.throwsAsync(start, {
    code: 'bad-config',
    message: /TFTP cannot listen on 127\.0\.0\.1 port 0: .*no-such-thread/,
  });
});

test('while the event loop is busy, a limited number of requests wait for files, one for each client', async t => {
  let opening: Opening | undefined;
  let asked = 0;
  const counts = new Counts();
  const lines: string[] = [];
  const server = new Server(
    { address: HOST, port: 69, singlePort: false },
    {
      counts,
      listeners: { line: (_level, _fields, message) => lines.push(message), progress: () => {}, note: () => {} },
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
