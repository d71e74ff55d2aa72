// The head's key pair: made once, read again, and never replaced silently.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { loadHeadCertificate } from '../../src/tls/head-certificate.ts';

const withFolder = test.macro(async (t, body: (t: import('ava').ExecutionContext, folder: string) => Promise<void>) => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-tls-'));
  t.teardown(async () => rm(folder, { recursive: true, force: true }));
  await body(t, folder);
});

test('a pair is made once, for its owner alone, and read again', withFolder, async (t, folder) => {
  const pair = await loadHeadCertificate(folder);
  t.deepEqual(await loadHeadCertificate(folder), pair);
  t.regex(pair.pin, /^sha256\/\/[A-Za-z0-9+/]{43}=$/);
  t.true(new X509Certificate(pair.certificate).checkPrivateKey(createPrivateKey(pair.key)));
  t.is((await stat(join(folder, 'tls'))).mode & 0o777, 0o700);
  t.is((await stat(join(folder, 'tls/key.pem'))).mode & 0o777, 0o600);
});

test('a lost certificate is made again for the same key', withFolder, async (t, folder) => {
  const { pin } = await loadHeadCertificate(folder);
  await rm(join(folder, 'tls/certificate.pem'));
  t.is((await loadHeadCertificate(folder)).pin, pin);
});

test(
  'a certificate of another key is replaced, as after a crash between the two files',
  withFolder,
  async (t, folder) => {
    await loadHeadCertificate(folder);
    await rm(join(folder, 'tls/key.pem'));
    const pair = await loadHeadCertificate(folder);
    t.true(new X509Certificate(pair.certificate).checkPrivateKey(createPrivateKey(pair.key)));
  },
);

test('a damaged file is an error that names it and is left as it is', withFolder, async (t, folder) => {
  await loadHeadCertificate(folder);
  for (const name of ['tls/certificate.pem', 'tls/key.pem']) {
    const file = join(folder, name);
    const whole = await readFile(file, 'utf8');
    await writeFile(file, whole.slice(0, 40));
    const error = await t.throwsAsync(async () => loadHeadCertificate(folder), undefined, name);
    t.true(error?.message.startsWith(`${file} is damaged (`), error?.message);
    t.is(await readFile(file, 'utf8'), whole.slice(0, 40));
    await writeFile(file, whole);
  }
});
