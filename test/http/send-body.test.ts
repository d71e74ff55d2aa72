import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { truncateSync } from 'node:fs';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ShortFile } from '../../src/boot/plane/storage-fault.ts';
import { type Body, sendByKernel, sendByThread } from '../../src/http/send-body.ts';
import { sendFile } from '../../src/http/send-file.ts';
import { Senders } from '../../src/http/senders.ts';
import { WarmFile } from '../../src/http/warm-file.ts';
import { loadLibc } from '../../src/libc.ts';

type Way = (response: ServerResponse, source: WarmFile, body: Body) => Promise<number>;

const libc = await loadLibc();
const senders = new Senders(libc, reason => {
  throw new Error(reason);
});
const WAYS: readonly { name: string; send: Way }[] = [
  { name: 'by the kernel', send: (...given) => sendByKernel(...given, libc) },
  { name: 'by a thread', send: (...given) => sendByThread(...given, libc, senders) },
];
/** More than the buffers of a connection, and no multiple of anything. */
const SIZE = 24_000_007;

async function served(
  t: ExecutionContext,
  send: Way,
  body: Omit<Body, 'status'>,
): Promise<{ url: string; file: string; content: Buffer; sent: Promise<number> }> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-send-'));
  const content = randomBytes(SIZE);
  const file = join(folder, 'blob');
  await writeFile(file, content);
  let told: (sent: number) => void = () => {};
  const sent = new Promise<number>(resolve => {
    told = resolve;
  });
  const server = createServer(async (_request, response) => {
    const source = await WarmFile.open(file, libc);
    const count = await send(response, source, { ...body, status: 200 });
    await source.close();
    if (count < body.length) response.destroy();
    else response.end();
    told(count);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(async () => {
    server.close();
    server.closeAllConnections();
    await rm(folder, { recursive: true });
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, file, content, sent };
}

async function ask(url: string): Promise<IncomingMessage> {
  const request = get(url, { agent: false });
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  return answer;
}

for (const { name, send } of WAYS) {
  test(`${name}: every byte of the range comes, and is counted`, async t => {
    let progress = 0;
    const span = { from: 4099, length: SIZE - 5000, progress: (bytes: number) => (progress += bytes) };
    const { url, content, sent } = await served(t, send, span);
    const hash = createHash('sha256');
    for await (const chunk of await ask(url)) hash.update(chunk);
    t.is(
      hash.digest('hex'),
      createHash('sha256')
        .update(content.subarray(4099, SIZE - 901))
        .digest('hex'),
    );
    t.is(await sent, SIZE - 5000);
    t.is(progress, SIZE - 5000);
  });

  test(`${name}: a client that leaves is no error, and what it took is known`, async t => {
    const { url, sent } = await served(t, send, { from: 0, length: SIZE, progress: () => {} });
    const answer = await ask(url);
    await once(answer, 'readable');
    answer.destroy();
    const count = await sent;
    t.true(count > 0 && count < SIZE, `${count}`);
  });

  test(`${name}: a file that ends too early is cut, and never looks whole`, async t => {
    const { url, file } = await served(t, send, { from: 0, length: SIZE, progress: () => {} });
    await truncate(file, 9_000_001);
    let got = 0;
    await t.throwsAsync(async () => {
      for await (const chunk of await ask(url)) got += (chunk as Buffer).length;
    });
    t.true(got <= 9_000_001, `${got}`);
  });
}

test('a file that shrinks during the transfer is cut, and reported as the fault of the file', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-short-'));
  const path = join(folder, 'blob');
  await writeFile(path, randomBytes(SIZE));
  let told: (outcome: unknown) => void = () => {};
  const outcome = new Promise<unknown>(resolve => {
    told = resolve;
  });
  const server = createServer((request, response) => {
    let isCut = false;
    const progress = (): void => {
      if (!isCut) truncateSync(path, 9_000_001);
      isCut = true;
    };
    const file = { path, offset: 1, size: SIZE - 1, etag: 'x', type: 'application/octet-stream' };
    void sendFile(request, response, file, { senders, progress }).then(told, error => {
      response.destroy();
      told(error);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(async () => {
    server.close();
    server.closeAllConnections();
    await rm(folder, { recursive: true });
  });
  const answer = await ask(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  await t.throwsAsync(async () => {
    for await (const _chunk of answer);
  });
  const error = await outcome;
  t.true(error instanceof ShortFile);
  t.like(error, { there: 9_000_000, wanted: SIZE - 1 });
});
