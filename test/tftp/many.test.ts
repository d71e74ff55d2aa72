// A thousand transfers at once, on addresses that no other test uses, so that nobody's late packets come in between.
import test from 'ava';
import { silentLog } from '../../src/log.ts';
import { startTftpServer } from '../../src/tftp/start.ts';
import { until } from '../support/until.ts';
import { fetchFile } from './client.ts';

const HEAD = '127.71.0.1';
const NODE = '127.71.0.2';
const LOADER = Buffer.alloc(187_000, 'loader');

test('a thousand transfers at once share one read of the file, and all end', async t => {
  t.timeout(600_000);
  const server = await startTftpServer({
    address: HEAD,
    port: 0,
    files: new Map([['snponly.efi', LOADER]]),
    journey: { note: () => {} },
    directory: { nodeByMac: () => undefined, nodeByIp: () => undefined },
    log: silentLog(),
    limits: { transfers: 2000, perPeer: 2000 },
  });
  t.teardown(() => server.close());
  const options = { blksize: 1468, windowsize: 4 };
  const { port } = server;
  const fetches = Array.from({ length: 1000 }, async () =>
    fetchFile({ address: HEAD, local: NODE, port, file: 'snponly.efi', options, timeoutMs: 500_000 }),
  );
  for (const { content } of await Promise.all(fetches)) t.is(content.length, LOADER.length);
  await until('all transfers end', () => server.stats().active === 0);
  t.like(server.stats(), { failed: 0, finished: 1000, bytes: 1000 * LOADER.length });
});
