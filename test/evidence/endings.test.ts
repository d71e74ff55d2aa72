// How connections end, seen on real sockets: by the iSCSI target and by the table of HTTP connections; and what is kept of it.
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import test from 'ava';
import type { ServedFile } from '../../src/boot/plane/question.ts';
import { IscsiWatch } from '../../src/evidence/iscsi-watch.ts';
import { Resets } from '../../src/evidence/resets.ts';
import { ConnectionTable } from '../../src/http/connection-table.ts';
import { sendFile } from '../../src/http/send-file.ts';
import { Senders } from '../../src/http/senders.ts';
import { loadLibc } from '../../src/libc.ts';
import { temporaryFolder } from '../cli/folder.ts';
import { serve } from '../iscsi/support/served.ts';
import { until } from '../support/until.ts';

test('the target notes how a session ended: reset, closed, silent, or replaced', async t => {
  let time = 0;
  const ticks: (() => void)[] = [];
  const every = (_ms: number, tick: () => void) => {
    ticks.push(tick);
    return () => {};
  };
  const { initiator, notes } = await serve(t, { options: { now: () => time, every } });
  const endOf = async (count: number) =>
    until('the end of a session', () => notes.filter(({ event }) => event === 'dropped')[count]);
  (await initiator()).reset();
  t.is((await endOf(0)).how, 'reset');
  (await initiator()).close();
  t.is((await endOf(1)).how, 'closed');
  await initiator();
  await initiator();
  t.is((await endOf(2)).how, 'replaced');
  time += 200_000;
  for (const tick of ticks) tick();
  t.is((await endOf(3)).how, 'silent');
});

test('a session that the target ends is no break', async t => {
  const { initiator, notes, target } = await serve(t);
  await initiator();
  target.endSessions({}, 'the node was deleted');
  const { how } = await until('the end', () => notes.find(({ event }) => event === 'dropped'));
  t.is(how, undefined);
});

/** A server that sends a file, by a thread or not, and what it saw of resets. */
for (const [way, size] of [
  ['by a thread', 24_000_000],
  ['by the event loop', 900_000],
] as const)
  test(`a client that resets its connection while a file is sent ${way} is counted once, and one that closes is not`, async t => {
    const path = join(await temporaryFolder(t), 'file');
    await writeFile(path, Buffer.alloc(size, 'file'));
    const file: ServedFile = { path, offset: 0, size, etag: 'x' };
    const senders = new Senders(await loadLibc(), reason => t.fail(reason));
    const resets = new Resets();
    const table = new ConnectionTable(peer => resets.saw(peer));
    let over = 0;
    const server = createServer((request, response) => {
      const reset = (): void => table.reset(request.socket, request.socket.remoteAddress ?? '');
      void sendFile(request, response, file, { senders, reset }).finally(() => (over += 1));
    });
    server.on('clientError', (_error, socket) => socket.destroy());
    table.follow(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.teardown(() => {
      server.close();
      server.closeAllConnections();
      senders.close();
    });
    const { port } = server.address() as AddressInfo;
    const ask = async () => {
      const socket = connect(port, '127.0.0.1');
      socket.write('GET / HTTP/1.1\r\nHost: head\r\n\r\n');
      await once(socket, 'readable');
      return socket;
    };
    const whole = await ask();
    let got = 0;
    whole.on('data', (bytes: Buffer) => (got += bytes.length));
    await until('a whole answer', () => got > size && over === 1);
    whole.end();
    await once(whole, 'close');
    t.is(resets.size, 0);
    (await ask()).resetAndDestroy();
    await until('the answer that is cut off', () => over === 2);
    await until('the reset', () => resets.of('127.0.0.1', 60).length > 0);
    await new Promise(setImmediate);
    t.is(resets.of('127.0.0.1', 60).length, 1);
  });

test('connections and sessions are kept in bounded number, with their age', t => {
  let now = 0;
  const watch = new IscsiWatch(() => now);
  const resets = new Resets(() => now);
  for (let index = 0; index < 10_000; index += 1) {
    watch.connected(`${index}`);
    watch.began(`${index}`, 'p');
    watch.ended(`${index}`, 'p', 'reset');
    resets.saw(`${index}`);
  }
  t.is(watch.size, 2 * 4096);
  t.is(resets.size, 4096);
  for (let index = 0; index < 100; index += 1) {
    now += 1000;
    watch.began('9999', `p${index}`);
    watch.ended('9999', `p${index}`, 'silent');
    resets.saw('9999');
  }
  const { breaks, sessions, connected } = watch.of('9999', '9999');
  t.is(breaks.length, 8);
  t.deepEqual(breaks.at(-2), { how: 'silent', ago: 1 });
  t.is(sessions, 0);
  t.is(connected, 100);
  t.deepEqual(resets.of('9999', 3), [3, 2, 1, 0]);
});

test('a connection without a login, and a session with a logout, are no breaks', t => {
  const watch = new IscsiWatch(() => 0);
  watch.ended('b', 'p', 'reset');
  watch.began('b', 'p');
  watch.ended('b', 'p');
  watch.began('b', 'q');
  t.deepEqual(watch.of('10.54.0.100', 'b'), { sessions: 1, breaks: [] });
});
