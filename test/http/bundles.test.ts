// Bundles of nodes' files over HTTP and TLS: many connections with one session hold one bundle.
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { request as requestTls } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { BundleTurns } from '../../src/boot/plane/bundle-turns.ts';
import { startBootPlane } from '../../src/http/boot-plane.ts';
import { loadHeadCertificate } from '../../src/tls/head-certificate.ts';
import { FakeCluster, fakeBoots } from '../fakes/cluster.ts';
import { fakePorts } from '../fakes/plane.ts';
import { bundle, entry, sha256 } from '../initramfs/bundles.ts';
import { until } from '../support/until.ts';

const NODE = '127.0.0.100';
const CLAIM = 'c'.repeat(32);
/** More than the buffers of a connection have. */
const CONTENT = 'x'.repeat(24 << 20);

class CountedTurns extends BundleTurns {
  begun = 0;
  ended = 0;

  override async begin(boot: string) {
    const turn = await super.begin(boot);
    if (turn) this.begun += 1;
    return turn;
  }

  override end(...given: Parameters<BundleTurns['end']>) {
    this.ended += 1;
    super.end(...given);
  }
}

async function world(t: ExecutionContext, secret: boolean) {
  const fake = new FakeCluster();
  const { node } = fake.bootable();
  fake.change(node, { ip: NODE });
  const registry = fakeBoots(fake);
  const FILES = bundle([entry('/etc/big', CONTENT), entry('/etc/b', 'two')]);
  const contents = new Map([FILES.index, CONTENT, 'two'].map(text => [sha256(text), Buffer.from(text)] as const));
  const counts = { reading: 0, most: 0 };
  const bundles = new CountedTurns();
  const ports = fakePorts(fake, registry, {
    bundles,
    fileContent: async digest => {
      counts.reading += 1;
      counts.most = Math.max(counts.most, counts.reading);
      await new Promise(resolve => setImmediate(resolve));
      counts.reading -= 1;
      return contents.get(digest);
    },
  });
  const planned = ports.plan(node.uid);
  if ('refused' in planned) throw new Error(planned.refused);
  registry.boots.grant(node.uid);
  const files = { index: FILES.digest, size: 1, secret, sets: ['base'] };
  const { id } = registry.boots.mint({ ...planned.plan, files }, 'peer');
  const head = { address: '127.0.0.1', port: 0, prefix: 8, router: '', dns: [], domain: '', failureSeconds: 60 };
  const server = await startBootPlane({ ...ports, addresses: ['127.0.0.1'], head: () => head, graceMs: 0 });
  const folder = await mkdtemp(join(tmpdir(), 'muster-bundles-'));
  t.teardown(async () => rm(folder, { recursive: true, force: true }));
  const port = secret ? await server.startTls(await loadHeadCertificate(folder), 0) : server.port;
  t.teardown(async () => server.close());
  /** Returns the response, with nothing of its body read yet; undefined when there is none. */
  const ask = async (): Promise<IncomingMessage | undefined> => {
    const options = { host: '127.0.0.1', port, path: `/boot/v1/${id}/files`, localAddress: NODE, agent: false };
    const asked = secret
      ? requestTls({ ...options, method: 'POST', rejectUnauthorized: false })
      : request({ ...options, method: 'GET' });
    asked.on('error', () => undefined);
    asked.end(secret ? `claim=${CLAIM}\n` : undefined);
    return Promise.race([
      once(asked, 'response').then(([response]) => response as IncomingMessage),
      once(asked, 'close').then(() => undefined),
    ]).catch(() => undefined);
  };
  return { ask, bundles, counts, size: FILES.bytes().length };
}

for (const secret of [false, true])
  test(`many connections with one session have one bundle in memory${secret ? ', over TLS' : ''}`, async t => {
    t.timeout(120_000);
    const { ask, bundles, counts, size } = await world(t, secret);
    const answers = await Promise.all(Array.from({ length: 20 }, ask));
    t.is(counts.most, 1, 'contents are read for one bundle at a time');
    t.is(bundles.begun - bundles.ended, 1, 'the bundle that nobody reads yet');
    const statuses = answers.flatMap(answer => answer?.statusCode ?? []);
    t.true(
      statuses.every(status => status === 200 || status === 503),
      statuses.join(),
    );
    for (const answer of answers) if (answer?.statusCode === 503) t.regex(answer.headers['retry-after'] ?? '', /^\d+$/);
    const last = await ask();
    let bytes = 0;
    for await (const chunk of last ?? []) bytes += (chunk as Buffer).length;
    t.is(bytes, size, 'the last one gets it all');
    await until('nothing is in memory', () => bundles.begun === bundles.ended);
    for (const answer of answers) answer?.destroy();
  });
