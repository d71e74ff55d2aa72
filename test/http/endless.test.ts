// The boot plane under requests without end: decoders, connections, reports, heartbeats. Memory and time stay bounded.
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readlinkSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { Agent, type RequestOptions, request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import { tokenOf } from '../../src/boot/boot.ts';
import { clusterDirectory } from '../../src/boot/cluster-directory.ts';
import { planBoot } from '../../src/boot/plan.ts';
import { readFacts } from '../../src/boot/plane/facts.ts';
import { startBootPlane } from '../../src/http/boot-plane.ts';
import { judge } from '../../src/http/conditions.ts';
import { Governor } from '../../src/http/governor.ts';
import type { BootPlanePorts } from '../../src/http/ports.ts';
import { readRange } from '../../src/http/range.ts';
import { silentLog } from '../../src/log.ts';
import { loadHeadCertificate } from '../../src/tls/head-certificate.ts';
import { freePort } from '../cli/daemon.ts';
import { DIGEST, FakeCluster, fakeBoots } from '../fakes/cluster.ts';
import { fakeEnrolment } from '../fakes/plane.ts';
import { retained } from '../support/retained.ts';
import { until } from '../support/until.ts';

const BODY = 64 * 1024;
const HEADER = 16 * 1024;
const NODE = '127.0.0.100';
const PIECES = [
  '=',
  'a=',
  'a.b=',
  '.',
  '\n',
  '\r\n',
  '\r',
  ' ',
  '\t',
  '"',
  'W/"',
  '"a",',
  ',',
  '-',
  'bytes=',
  '0',
  '9-',
  '\0',
  'é',
  'Mon, ',
];

test('decoders: the largest inputs made of one awkward piece are bounded, and read in one pass', t => {
  // A decoder whose time grew with the square would need hours for these, and the test would be ended
  for (const piece of PIECES) {
    for (const start of ['', 'a=', '"', 'bytes=', 'bytes=0-', 'W/"', 'Mon, ']) {
      const body = (start + piece.repeat(BODY)).slice(0, BODY);
      const header = body.slice(0, HEADER);
      for (let round = 0; round < 5; round += 1) {
        const facts = readFacts(body);
        t.true(facts.size <= 200 && [...facts.values()].every(value => value.length <= 1024));
        t.truthy(readRange(header, 1000).kind);
        for (const name of ['if-match', 'if-none-match', 'if-range', 'if-modified-since', 'if-unmodified-since'])
          t.is(typeof judge({ [name]: header }, { etag: '"x"', modified: 0 }).send, 'boolean');
      }
    }
  }
});

async function plane(t: ExecutionContext, more: Partial<BootPlanePorts> = {}) {
  const fake = new FakeCluster();
  const { node } = fake.bootable();
  fake.change(node, { ip: NODE });
  const folder = mkdtempSync(join(tmpdir(), 'muster-endless-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, DIGEST.kernel), Buffer.alloc(1000, 'k'));
  const registry = fakeBoots(fake);
  const port = await freePort();
  let asked = 0;
  const directory = clusterDirectory(fake.cluster);
  const server = await startBootPlane({
    ...registry,
    enrolment: fakeEnrolment(fake),
    addresses: ['127.0.0.1'],
    head: () => ({ address: '127.0.0.1', port, prefix: 8, router: '', dns: [], domain: '', failureSeconds: 60 }),
    directory: {
      ...directory,
      nodeByIp: ip => {
        asked += 1;
        return directory.nodeByIp(ip);
      },
    },
    log: silentLog(),
    plan: uid => planBoot(fake.cluster, fake.cluster.get('node', uid) ?? node),
    template: async () => '#!ipxe\nkernel @URL@/kernel\n',
    blobPath: sha256 => join(folder, sha256),
    bootFileHead: async () => undefined,
    loaderFile: () => undefined,
    save: async () => {},
    attributesIni: () => '[Attributes]\n',
    statusSeconds: () => 10,
    governor: new Governor({
      limit: () => 1,
      now: () => performance.now(),
      random: () => 0.5,
      after: (_milliseconds, callback) => {
        const timer = setImmediate(callback);
        return () => clearImmediate(timer);
      },
    }),
    kickstart: async () => '',
    iso: async () => undefined,
    takeOnce: async () => {},
    ...more,
  });
  t.teardown(async () => server.close());
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.teardown(() => agent.destroy());
  const ask = async (
    path: string,
    options: RequestOptions = {},
    body = '',
  ): Promise<{ status: number; text: string }> => {
    const sent = request({ host: '127.0.0.1', port, path, localAddress: NODE, agent, ...options });
    sent.end(body);
    const [answer] = (await once(sent, 'response')) as [import('node:http').IncomingMessage];
    let text = '';
    for await (const chunk of answer) text += String(chunk);
    return { status: answer.statusCode ?? 0, text };
  };
  const session = async (): Promise<string> =>
    /boot\/v1\/([0-9a-f]{32})\/kernel/.exec((await ask('/boot/v1/script')).text)?.[1] ?? '';
  const forget = (): void => {
    for (const list of [registry.changed, registry.watched, registry.dropped]) list.length = 0;
  };
  return { ...registry, port, node, ask, session, forget, asked: () => asked, startTls: server.startTls };
}

test('endless requests of every kind over one connection leave nothing behind', async t => {
  const { ask, session, forget } = await plane(t);
  const left = await retained(async () => {
    for (let round = 0; round < 300; round += 1) {
      const id = await session();
      for (const path of [
        'script',
        `${id}/kernel`,
        `${id}/session.cpio`,
        'loader/none',
        'none',
        `${'0'.repeat(32)}/image`,
      ])
        await ask(`/boot/v1/${path}`);
      await ask(`/boot/v1/${id}/report`, { method: 'POST' }, 'stage=initramfs\n');
      await ask('/node/v1/heartbeat', { method: 'POST' }, `token=${tokenOf(id)}\nhardware.a=${round}\n`);
      await ask('/node/v1/heartbeat', { method: 'POST' }, 'token=none\n');
    }
    forget();
  });
  // Three thousand requests of some kilobytes each
  t.true(left < 5_000_000, `${left} bytes`);
});

test('endless reports and heartbeats of the largest size: a boot stays bounded', async t => {
  const { ask, session, boots, statuses, node, forget } = await plane(t);
  const id = await session();
  const facts = Array.from({ length: 300 }, (_, index) => `fact${index}=${'x'.repeat(200)}`).join('\n');
  for (let round = 0; round < 400; round += 1) {
    const error = `stage=image\nerror=${round}${'x'.repeat(3000)}\ndetail=${'y'.repeat(3000)}\n${facts}`;
    t.is((await ask(`/boot/v1/${id}/report`, { method: 'POST' }, error.slice(0, BODY))).status, 200);
    forget();
  }
  const lines = facts.replaceAll('fact', 'hardware.fact');
  for (let round = 0; round < 200; round += 1) {
    const status = lines.replaceAll('hardware', round % 2 ? 'hardware' : 'status');
    const body = `token=${tokenOf(id)}\n${status}`.slice(0, BODY);
    t.is((await ask('/node/v1/heartbeat', { method: 'POST' }, body)).status, 200);
    forget();
  }
  const boot = boots.current(node.uid);
  t.is(boot?.events.length, 300);
  t.true(JSON.stringify(boot).length < 2_000_000);
  t.true(JSON.stringify(statuses.of(node.uid)).length < 500_000);
});

test('an endless body is refused, and its connection is closed', async t => {
  const { port, session } = await plane(t);
  const id = await session();
  const socket = connect({ host: '127.0.0.1', port, localAddress: NODE });
  socket.write(`POST /boot/v1/${id}/report HTTP/1.1\r\nHost: head\r\nTransfer-Encoding: chunked\r\n\r\n`);
  const chunk = `1000\r\n${'x'.repeat(0x1000)}\r\n`;
  let heard = '';
  socket.on('data', data => {
    heard += String(data);
  });
  let isOpen = true;
  socket.on('error', () => {});
  const closed = once(socket, 'close').then(() => {
    isOpen = false;
  });
  while (isOpen) {
    if (socket.write(chunk)) await new Promise(resolve => setImmediate(resolve));
    else await Promise.race([once(socket, 'drain').catch(() => {}), closed]);
  }
  t.regex(heard, /^HTTP\/1\.1 413 /);
});

test('a client that pipelines requests for a file and reads no answers opens it once, and leaves nothing open', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'muster-pipelined-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'loader');
  // More than the buffers of two sockets hold
  const size = 64 << 20;
  writeFileSync(path, '');
  truncateSync(path, size);
  const opened = (): number =>
    readdirSync('/proc/self/fd').filter(name => {
      try {
        return readlinkSync(`/proc/self/fd/${name}`) === path;
      } catch {
        return false;
      }
    }).length;
  const { port, ask } = await plane(t, { loaderFile: () => ({ path, offset: 0, size, etag: 'x' }) });
  const socket = connect({ host: '127.0.0.1', port, localAddress: NODE });
  socket.on('error', () => {});
  socket.pause();
  socket.write('GET /boot/v1/loader/x HTTP/1.1\r\nHost: head\r\n\r\n'.repeat(50));
  await until('the file is open', () => opened() > 0);
  for (let round = 0; round < 100; round += 1) await ask('/boot/v1/none');
  t.is(opened(), 1);
  socket.destroy();
  await until('the file is closed', () => opened() === 0);
});

test('over TLS too, a client that pipelines gets one answer at a time', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'muster-pipelined-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const pair = await loadHeadCertificate(folder);
  let begun = 0;
  let isAnswered = (): void => {};
  const answered = new Promise<void>(resolve => (isAnswered = resolve));
  const archive = async (): Promise<Buffer> => {
    begun += 1;
    await answered;
    return Buffer.alloc(10);
  };
  const { startTls, ask } = await plane(t, { enrolment: { ...fakeEnrolment(new FakeCluster()), archive } });
  const socket = connectTls({
    ...{ host: '127.0.0.1', port: await startTls(pair, 0), localAddress: NODE },
    rejectUnauthorized: false,
  });
  t.teardown(() => socket.destroy());
  socket.on('error', () => {});
  socket.pause();
  socket.write('GET /boot/v1/agent.tar HTTP/1.1\r\nHost: head\r\n\r\n'.repeat(50));
  await until('the first one is asked', () => begun > 0);
  for (let round = 0; round < 100; round += 1) await ask('/boot/v1/none');
  t.is(begun, 1);
  isAnswered();
  await until('all are answered', () => begun === 50);
});

test('the server stops reading requests from a client that reads no answers', async t => {
  const { port, ask, asked } = await plane(t);
  const socket = connect({ host: '127.0.0.1', port, localAddress: NODE });
  t.teardown(() => socket.destroy());
  socket.on('error', () => {});
  socket.pause();
  const requests = 'GET /boot/v1/kernel HTTP/1.1\r\nHost: head\r\n\r\n'.repeat(1000);
  // Far more than the buffers of two sockets hold
  for (let block = 0; block < 400; block += 1) socket.write(requests);
  for (let round = 0; round < 300; round += 1) await ask('/boot/v1/none');
  t.log(`${asked()} requests were served`);
  // More of them wait than a connection may have: it is closed
  t.true(asked() <= 64, `${asked()} of 400,000 requests were served`);
});
