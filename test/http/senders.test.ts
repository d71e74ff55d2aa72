import { once } from 'node:events';
import { open, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Senders } from '../../src/http/senders.ts';
import { loadLibc } from '../../src/libc.ts';
import { temporaryFolder } from '../cli/folder.ts';

const libc = await loadLibc();
const SIZE = 24_000_007;
const never = (): AbortSignal => new AbortController().signal;
const nothing = (): void => {};

/** Connections whose other end reads only when it is told to, and a file of so many bytes, each of its own value. */
async function pairs(t: ExecutionContext, count: number) {
  const path = join(await temporaryFolder(t), 'file');
  const content = Buffer.alloc(SIZE, Buffer.from(Array.from({ length: 251 }, (_, index) => index)));
  await writeFile(path, content);
  const file = await open(path);
  const server: Server = createServer({ pauseOnConnect: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const made: { socket: number; near: Socket; far: Socket }[] = [];
  for (let index = 0; index < count; index += 1) {
    const near = connect(port, '127.0.0.1');
    const [far] = (await once(server, 'connection')) as [Socket];
    near.on('error', nothing);
    const { fd } = Reflect.get(near, '_handle') as { fd: number };
    made.push({ socket: fd, near, far });
  }
  t.teardown(async () => {
    for (const { near, far } of made) for (const socket of [near, far]) socket.destroy();
    server.close();
    await file.close();
  });
  return { file: file.fd, content, made };
}

async function readAll(socket: Socket, length: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let have = 0;
  for await (const part of socket) {
    parts.push(part as Buffer);
    have += (part as Buffer).length;
    if (have >= length) break;
  }
  return Buffer.concat(parts);
}

test('one thread sends to many clients, and one that reads nothing delays nobody', async t => {
  const senders = new Senders(libc, reason => t.fail(reason), { most: 1 });
  const { file, content, made } = await pairs(t, 12);
  const stop = new AbortController();
  const [still, ...others] = made.map(({ socket, far }, index) => ({
    far,
    sent: senders.send(
      { socket, file, position: index, length: SIZE - index },
      nothing,
      index === 0 ? stop.signal : never(),
    ),
  }));
  await Promise.all(
    others.map(async ({ far, sent }, index) => {
      const got = await readAll(far, SIZE - 1 - index);
      t.true(got.equals(content.subarray(1 + index)));
      t.is((await sent).bytes, SIZE - 1 - index);
    }),
  );
  stop.abort();
  const { bytes } = (await still?.sent) ?? { bytes: -1 };
  t.true(bytes > 0 && bytes < SIZE, `${bytes}`);
  const got = await readAll(still?.far as Socket, bytes);
  t.true(got.equals(content.subarray(0, bytes)), 'what it is said to have taken is what comes');
});

test('a piece that is stopped before the thread has it sends nothing', async t => {
  const senders = new Senders(libc, reason => t.fail(reason), { most: 1 });
  const { file, made } = await pairs(t, 1);
  const { bytes } = await senders.send(
    { socket: made[0]?.socket ?? -1, file, position: 0, length: SIZE },
    nothing,
    AbortSignal.abort(),
  );
  t.true(bytes < SIZE);
});

test('a descriptor that is no connection, or has no peer any more, ends at once', async t => {
  const senders = new Senders(libc, reason => t.fail(reason), { most: 1 });
  const { file, made } = await pairs(t, 1);
  t.deepEqual(await senders.send({ socket: file, file, position: 0, length: SIZE }, nothing, never()), {
    bytes: 0,
    slow: false,
    reset: false,
  });
  const sent = senders.send({ socket: made[0]?.socket ?? -1, file, position: 0, length: SIZE }, nothing, never());
  made[0]?.far.resetAndDestroy();
  t.true((await sent).bytes < SIZE);
});

test('a shorter file ends the piece with the bytes that it has', async t => {
  const senders = new Senders(libc, reason => t.fail(reason), { most: 1 });
  const { file, made } = await pairs(t, 1);
  const sent = senders.send(
    { socket: made[0]?.socket ?? -1, file, position: SIZE - 1000, length: 5000 },
    nothing,
    never(),
  );
  made[0]?.far.resume();
  t.is((await sent).bytes, 1000);
});

test('a thread that crashes ends its pieces and is reported; another one starts a moment later, and not before', async t => {
  const reasons: string[] = [];
  let now = 0;
  const program = new URL('data:text/javascript,throw new Error("crashed")');
  const senders = new Senders(libc, reason => reasons.push(reason), { most: 1, program, now: () => now });
  const { file, made } = await pairs(t, 1);
  t.true(senders.available);
  const piece = { socket: made[0]?.socket ?? -1, file, position: 0, length: SIZE };
  const sent = async () => senders.send(piece, nothing, never());
  t.deepEqual(await sent(), { bytes: 0, slow: false, reset: false });
  await new Promise(setImmediate);
  t.deepEqual(reasons, ['crashed']);
  t.false(senders.available);
  t.deepEqual(await sent(), { bytes: 0, slow: false, reset: false });
  t.is(reasons.length, 1, 'no thread was started');
  now = 500;
  t.true(senders.available);
  t.deepEqual(await sent(), { bytes: 0, slow: false, reset: false });
  await new Promise(setImmediate);
  t.deepEqual(reasons, ['crashed', 'crashed']);
});

test('a thread that hangs is ended and reported, its pieces end, and another one starts', async t => {
  const reasons: string[] = [];
  let now = 0;
  const program = new URL(
    'data:text/javascript,import { parentPort } from "node:worker_threads"; parentPort.postMessage([]); for (;;);',
  );
  const senders = new Senders(libc, reason => reasons.push(reason), { most: 1, program, now: () => now, pingMs: 100 });
  t.teardown(() => senders.close());
  const { file, made } = await pairs(t, 1);
  const piece = { socket: made[0]?.socket ?? -1, file, position: 0, length: SIZE };
  t.deepEqual(await senders.send(piece, nothing, never()), { bytes: 0, slow: false, reset: false });
  await new Promise(setImmediate);
  t.deepEqual(reasons, ['hung for 0.6 s and was ended']);
  now = 500;
  t.true(senders.available);
});

test('a working thread answers pings and is not ended', async t => {
  const senders = new Senders(libc, reason => t.fail(reason), { most: 1, pingMs: 5 });
  t.teardown(() => senders.close());
  const { file, made } = await pairs(t, 2);
  const sent = made.map(({ socket }) => senders.send({ socket, file, position: 0, length: SIZE }, nothing, never()));
  // One thread serves both; the first client reads nothing for as long as the second one takes
  const [first, second] = made;
  t.is((await readAll(second?.far as Socket, SIZE)).length, SIZE);
  t.is((await readAll(first?.far as Socket, SIZE)).length, SIZE);
  t.deepEqual(
    (await Promise.all(sent)).map(({ bytes }) => bytes),
    [SIZE, SIZE],
  );
});
