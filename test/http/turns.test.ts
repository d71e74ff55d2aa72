// Images over HTTP when more want one than are served at a time; and iPXE's last word.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
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
    addresses: ['127.0.0.1', '127.0.0.2'],
    head: () => ({ address: '127.0.0.1', port, prefix: 8, router: '', dns: [], domain: '', failureSeconds: 60 }),
    directory: clusterDirectory(fake.cluster),
    log: silentLog(),
    plan: uid => planBoot(fake.cluster, fake.cluster.get('node', uid) ?? node),
    template: async () => '#!ipxe\nkernel @URL@/kernel\n',
    blobPath: sha256 => join(folder, sha256),
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

function open(port: number, path: string, host = '127.0.0.1') {
  return new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
    const asked = request({ host, port, path, localAddress: '127.0.0.100', agent: false }, resolve);
    asked.on('error', reject).end();
  });
}

async function fetchText(port: number, path: string, host?: string) {
  const answer = await open(port, path, host);
  let body = '';
  for await (const chunk of answer) body += String(chunk);
  return { status: answer.statusCode, headers: answer.headers, body };
}

test('RFC 9110 §10.2.3: who is not served now gets 503 with Retry-After in seconds, and the image when it is his turn', async t => {
  const { port, session, governor } = await plane(t);
  // The first one does not read, so that its place stays taken; the boot of the second is another one to the governor.
  const first = await open(port, `/boot/v1/${session}/image`);
  t.is(first.statusCode, 200);
  const second = await fetchText(port, `/boot/v1/${session}/image`);
  t.is(second.status, 503);
  t.regex(String(second.headers['retry-after']), /^[1-9]\d*$/);
  t.regex(second.body, /place 1 in the queue, come back in \d+ s/);
  t.deepEqual(
    governor.list().map(item => item.state),
    ['running', 'queued'],
  );
  first.destroy();
  let answer = await open(port, `/boot/v1/${session}/image`);
  while (answer.statusCode === 503) {
    answer.resume();
    answer = await open(port, `/boot/v1/${session}/image`);
  }
  let bytes = 0;
  for await (const chunk of answer) bytes += (chunk as Buffer).length;
  t.is(bytes, IMAGE);
});

test('the plane is served at each address of the head', async t => {
  const { port, session } = await plane(t);
  const answer = await fetchText(port, `/boot/v1/${session}/failed/0x4c126035`, '127.0.0.2');
  t.is(answer.status, 200);
});

test("iPXE's last word stands on the timeline, with the place where its number is explained", async t => {
  const { port, session, boots, node } = await plane(t);
  t.is((await fetchText(port, `/boot/v1/${session}/failed/0x4c126035`)).body, 'ok\n');
  const boot = boots.current(node.uid);
  t.regex((boot && timelineOf(boot).reason) ?? '', /five tries \(https:\/\/ipxe\.org\/4c126035\)/);
  t.is((await fetchText(port, `/boot/v1/${session}/failed/${'x'.repeat(50)}`)).status, 200);
});
