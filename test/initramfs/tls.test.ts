// The node's client for secrets against a TLS server with the head's own kind of certificate: the pinned key, and no other.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { loadHeadCertificate } from '../../src/tls/head-certificate.ts';
import { requireAll } from '../support/require.ts';
import { bundle, entry } from './bundles.ts';
import { giveSession, makePlace, runParts, SHELLS } from './shells.ts';

const FILES = bundle([entry('/etc/munge.key', 'a secret of many bytes\n'.repeat(9000), { secret: true, mode: 0o400 })]);

interface TlsHead {
  port: number;
  pin: string;
  bodies: string[];
}

async function startTls(t: ExecutionContext): Promise<TlsHead> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-tls-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const { key, certificate, pin } = await loadHeadCertificate(folder);
  const bodies: string[] = [];
  const server = createServer({ key, cert: certificate }, async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    bodies.push(Buffer.concat(chunks).toString());
    const sent = FILES.bytes();
    response.writeHead(200, { 'content-length': sent.length }).end(sent);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  return { port: (server.address() as AddressInfo).port, pin, bodies };
}

/** Without the other program. */
const ONLY: Readonly<Record<string, string>> = {
  curl: 'in_tls_root() { [ "$1" = curl ] || return 1; "$@"; }',
  openssl: 'in_tls_root() { [ "$1" = openssl ] || return 1; "$@"; }',
};

for (const shell of Object.keys(SHELLS))
  for (const [client, only] of Object.entries(ONLY))
    test(`${shell}, ${client}: secret files come over TLS from the pinned key alone`, async t => {
      if (!requireAll(t, { programs: [SHELLS[shell]?.[0] ?? '', 'busybox', 'curl', 'openssl'] })) return;
      const head = await startTls(t);
      const place = await makePlace(t);
      const session = (pin: string) =>
        giveSession(place, {
          MUSTER_IMAGE: 'Img',
          MUSTER_FILES: FILES.digest,
          MUSTER_FILES_URL: `https://127.0.0.1:${head.port}/boot/v1/s1/files`,
          MUSTER_HEAD_PIN: pin,
        });
      await session(head.pin);
      const boot = `${only}; files_place() { mkdir "$FILES"; }; fetch_files; place_files`;
      const result = await runParts(shell, place, boot);
      t.is(result.status, 0, result.console + result.stderr);
      t.is((await readFile(join(place.root, 'etc/munge.key'), 'utf8')).length, 23 * 9000);
      t.regex(head.bodies[0] ?? '', /^claim=[0-9a-f]{32}\n$/);
      t.is(head.bodies[0], `claim=${await readFile(join(place.run, 'private/claim'), 'utf8')}\n`);
      for (const pin of [`sha256//${Buffer.alloc(32, 7).toString('base64')}`, '']) {
        await session(pin);
        await writeFile(join(place.folder, 'body'), `token=x"y\\z\n`);
        const post = `${only}; http_post "$MUSTER_FILES_URL" "$MUSTER_RUN/../body" "$PRIVATE/out"; echo "$? $HTTP_STATUS"`;
        const refused = await runParts(shell, place, post);
        t.is(refused.stdout.trim(), '1 000');
        t.is(head.bodies.length, 1, 'nothing was sent to another key');
      }
      await session(head.pin);
      const odd = `${only}; HTTP_LIMIT=999999; http_post "$MUSTER_FILES_URL" "$MUSTER_RUN/../body" "$PRIVATE/out"; echo "$? $HTTP_STATUS"`;
      t.is((await runParts(shell, place, odd)).stdout.trim(), '0 200');
      t.is(head.bodies[1], `token=x"y\\z\n`);
    });

test('an image without a client for TLS is a clear fault', async t => {
  if (!requireAll(t, { programs: ['dash', 'busybox'] })) return;
  const place = await makePlace(t);
  await giveSession(place, {
    MUSTER_IMAGE: 'Img',
    MUSTER_FILES: FILES.digest,
    MUSTER_FILES_URL: 'https://127.0.0.1:1/boot/v1/s1/files',
    MUSTER_HEAD_PIN: 'sha256//x',
  });
  const boot = 'in_tls_root() { return 1; }; files_place() { mkdir "$FILES"; }; fetch_files; place_files';
  const { status, console } = await runParts('dash', place, boot);
  t.is(status, 3);
  t.regex(console, /the image Img has neither curl nor openssl/);
});
