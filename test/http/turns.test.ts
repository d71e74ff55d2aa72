// Images over HTTP when more want one than are served at a time; and iPXE's last word.

import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, createServer, type IncomingMessage, type RequestOptions, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { clusterDirectory } from '../../src/boot/cluster-directory.ts';
import { planBoot } from '../../src/boot/plan.ts';
import { timelineOf } from '../../src/boot/timeline.ts';
import { startBootPlane } from '../../src/http/boot-plane.ts';
import { Governor } from '../../src/http/governor.ts';
import { silentLog } from '../../src/log.ts';
import { DIGEST, FakeCluster, fakeBoots } from '../fakes/cluster.ts';
import { fakeEnrolment } from '../fakes/plane.ts';

const IMAGE = 64 << 20;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise(resolve => server.close(resolve));
  return port;
}

async function plane(t: ExecutionContext) {
  const fake = new FakeCluster();
  const { node, image } = fake.bootable();
  fake.change(node, { ip: '127.0.0.100' });
  const content = { ...image.value.content, root_offset: 0, root_size: IMAGE } as typeof image.value.content;
  fake.change(image, { content });
  const folder = mkdtempSync(join(tmpdir(), 'muster-turns-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, DIGEST.image), Buffer.alloc(IMAGE, 1));
  writeFileSync(join(folder, DIGEST.kernel), Buffer.alloc(1000, 2));
  const registry = fakeBoots(fake);
  const port = await freePort();
  // The time to wait with an open connection is over at once.
  const governor = new Governor({
    limit: () => 1,
    now: () => performance.now(),
    random: () => 0.5,
    after: (_milliseconds, callback) => {
      const timer = setImmediate(callback);
      return () => clearImmediate(timer);
    },
  });
  const server = await startBootPlane({
    ...registry,
    enrolment: fakeEnrolment(fake),
    addresses: ['127.0.0.1', '127.0.0.2'],
    head: () => ({ address: '127.0.0.1', port, prefix: 8, router: '', dns: [], domain: '', failureSeconds: 60 }),
    directory: clusterDirectory(fake.cluster),
    log: silentLog(),
    plan: uid => planBoot(fake.cluster, fake.cluster.get('node', uid) ?? node),
    template: async () => '#!ipxe\nkernel @URL@/kernel\n',
    blobPath: sha256 => join(folder, sha256),
    bootFileHead: async () => undefined,
    loaderFile: () => undefined,
    save: async () => {},
    attributesIni: () => undefined,
    statusSeconds: () => 10,
    governor,
    kickstart: async () => '',
    iso: async () => undefined,
    takeOnce: async () => {},
  });
  t.teardown(async () => server.close());
  const script = await fetchText(port, '/boot/v1/script');
  const session = /boot\/v1\/([0-9a-f]{32})\/kernel/.exec(script.body)?.[1] ?? '';
  return { port, session, governor, node, ...registry };
}

function open(port: number, path: string, host = '127.0.0.1', more: RequestOptions = {}) {
  return new Promise<IncomingMessage>((resolve, reject) => {
    const asked = request({ host, port, path, localAddress: '127.0.0.100', agent: false, ...more }, resolve);
    asked.on('error', reject).end();
  });
}

async function fetchText(port: number, path: string, host?: string) {
  const answer = await open(port, path, host);
  let body = '';
  for await (const chunk of answer) body += String(chunk);
  return { status: answer.statusCode, headers: answer.headers, body };
}

test('RFC 9110 §10.2.3: a waiting node gets 503 with Retry-After in seconds, and the image in its turn', async t => {
  const { port, session, governor } = await plane(t);
  const other = await governor.admit({ boot: 'other', node: 'other', start: 0, size: 1 }, () => {});
  const second = await fetchText(port, `/boot/v1/${session}/image`);
  t.is(second.status, 503);
  t.regex(String(second.headers['retry-after']), /^[1-9]\d*$/);
  t.regex(second.body, /place 1 in the queue, come back in \d+ s/);
  t.deepEqual(
    governor.list().map(item => item.state),
    ['running', 'queued'],
  );
  if ('slot' in other) other.slot.end();
  t.is(await lengthOf(await open(port, `/boot/v1/${session}/image`)), IMAGE);
});

async function lengthOf(answer: IncomingMessage): Promise<number> {
  let bytes = 0;
  for await (const chunk of answer) bytes += (chunk as Buffer).length;
  return bytes;
}

test('a node that reconnects while the head still sends on its dead connection is served at once, and the old connection ends', async t => {
  const { port, session, governor } = await plane(t);
  const first = await open(port, `/boot/v1/${session}/image`);
  t.is(first.statusCode, 200);
  const ended = once(first, 'error');
  const second = await open(port, `/boot/v1/${session}/image`);
  t.is(second.statusCode, 200);
  t.is(governor.list().length, 1);
  first.resume();
  await t.throwsAsync(async () => {
    throw (await ended)[0];
  });
  t.is(await lengthOf(second), IMAGE);
});

test('a connection kept alive over many turns collects no listeners', async t => {
  const { port, session, governor } = await plane(t);
  await governor.admit({ boot: 'other', node: 'other', start: 0, size: 1 }, () => {});
  const warnings: string[] = [];
  const warned = (warning: Error): void => void warnings.push(warning.name);
  process.on('warning', warned);
  t.teardown(() => process.off('warning', warned));
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.teardown(() => agent.destroy());
  for (let turn = 0; turn < 30; turn += 1) {
    const answer = await open(port, `/boot/v1/${session}/image`, '127.0.0.1', { agent });
    t.is(answer.statusCode, 503);
    await lengthOf(answer);
  }
  await new Promise(resolve => setImmediate(resolve));
  t.deepEqual(warnings, []);
});

test('RFC 9110 §9.2.1: HEAD has no effects: a GET that reports something has no HEAD', async t => {
  const { port, session, boots, node } = await plane(t);
  const events = (): number => boots.current(node.uid)?.events.length ?? 0;
  const before = events();
  for (const path of [`${session}/failed/0x4c126035`, `${session}/installed`]) {
    const answer = await open(port, `/boot/v1/${path}`, '127.0.0.1', { method: 'HEAD' });
    t.is(answer.statusCode, 404, path);
    answer.resume();
  }
  for (const path of ['script', `${session}/kernel`, `${session}/session.cpio`]) {
    const answer = await open(port, `/boot/v1/${path}`, '127.0.0.1', { method: 'HEAD' });
    t.is(answer.statusCode, 200, path);
    answer.resume();
  }
  t.is(events(), before);
});

test('the plane is served at each address of the head', async t => {
  const { port, session } = await plane(t);
  const answer = await fetchText(port, `/boot/v1/${session}/failed/0x4c126035`, '127.0.0.2');
  t.is(answer.status, 200);
});

test("iPXE's last report is on the timeline, with a link that explains its number", async t => {
  const { port, session, boots, node } = await plane(t);
  t.is((await fetchText(port, `/boot/v1/${session}/failed/0x4c126035`)).body, 'ok\n');
  const boot = boots.current(node.uid);
  t.regex((boot && timelineOf(boot).reason) ?? '', /five tries \(https:\/\/ipxe\.org\/4c126035\)/);
  t.is((await fetchText(port, `/boot/v1/${session}/failed/${'x'.repeat(50)}`)).status, 200);
});
