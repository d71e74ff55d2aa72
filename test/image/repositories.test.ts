// Repositories that are not as they should be: which kind one is, and whom and what an error names.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { aptFailure } from '../../src/image/packages/apt-failure.ts';
import { kernelPackage } from '../../src/image/packages/apt-kernel.ts';
import { managerFor } from '../../src/image/packages/choose.ts';
import { dnfFailure } from '../../src/image/packages/dnf-failure.ts';
import { ask, whyNot } from '../../src/image/packages/fetching.ts';
import type { Recipe } from '../../src/image/packages/recipe.ts';
import { findProgram, requireAll } from '../support/require.ts';

function recipe(urls: readonly string[], release = 'bookworm'): Recipe {
  const source = { name: 'base', title: 'base', urls, mirrors: [], keys: [], check: true };
  return { distro: 'D', release, arch: 'x86_64', sources: [source] };
}

/** Serves these paths by GET alone, as some stores of files do; `/500/…` is 500, `/loop/…` leads to itself, `/gone/…` is cut off. */
async function server(t: ExecutionContext, paths: readonly string[]): Promise<string> {
  const made: Server = createServer(({ method, url = '', socket }, answer) => {
    const [, fault] = url.split('/');
    if (fault === 'gone') socket.destroy();
    else if (fault === 'loop') answer.writeHead(302, { location: url }).end();
    else answer.writeHead(fault === '500' ? 500 : method !== 'GET' ? 405 : paths.includes(url) ? 200 : 404).end('x');
  });
  await new Promise<void>(resolve => made.listen(0, '127.0.0.1', resolve));
  t.teardown(() => made.close());
  return `http://127.0.0.1:${(made.address() as AddressInfo).port}`;
}

test('the kind of a repository, from servers that know no HEAD, and from the first of its URLs that answers', async t => {
  const url = await server(t, ['/rpm/repodata/repomd.xml', '/deb/dists/bookworm/InRelease', '/old/dists/x/Release']);
  const kind = async (...urls: string[]): Promise<string> => (await managerFor('', recipe(urls))).name;
  t.is(await kind(`${url}/deb`), 'apt');
  t.is(await kind(`${url}/deb#bookworm/main+contrib+non-free`), 'apt');
  t.is(await kind(`${url}/old#x`), 'apt');
  t.regex(await kind(`${url}/rpm/`), /dnf|zypper/);
  t.is(await kind(`${url}/500/`, `${url}/gone/`, `${url}/deb/`), 'apt');
  t.is((await managerFor('yum', recipe([`${url}/500/`]))).name, 'yum', 'the distro says it');
});

test('a repository that cannot be read is named, with what each of its files said', async t => {
  const url = await server(t, []);
  for (const [path, says] of [
    [
      '500',
      /The repo base cannot be read.*\/500\/repodata\/repomd\.xml: the server answers 500; .*InRelease: the server/,
    ],
    ['nothing', /repomd\.xml: the server answers 404; .*\/dists\/bookworm\/Release: the server answers 404/],
    ['loop', /redirect count exceeded/],
    ['gone', /repomd\.xml: other side closed/],
  ] as const)
    await t.throwsAsync(managerFor('', recipe([`${url}/${path}/`])), { code: 'not-ready', message: says });
  await t.throwsAsync(managerFor('', recipe(['file:///nowhere/'])), { message: /there is no such file/ });
});

test('a repository with a login is read with it, and no error shows it', async t => {
  const made = createServer(({ headers, url }, answer) => {
    const isKnown = headers.authorization === `Basic ${Buffer.from('joe:s3c/ret').toString('base64')}`;
    answer.writeHead(!isKnown ? 401 : url?.endsWith('/InRelease') ? 200 : 404).end('Origin: Debian\n');
  });
  made.listen(0, '127.0.0.1');
  await once(made, 'listening');
  t.teardown(() => made.close());
  const { port } = made.address() as AddressInfo;
  const good = recipe([`http://joe:s3c%2Fret@127.0.0.1:${port}/d/`]);
  t.is((await managerFor('', good)).name, 'apt');
  t.is(await kernelPackage(good), 'linux-image-amd64');
  const bad = [
    `http://joe:wr0ng@127.0.0.1:${port}/d/`,
    `http://wr0ng@127.0.0.1:${port}/d/`,
    'http://joe:wr0ng@127.0.0.1:9/',
  ];
  const error = await t.throwsAsync(managerFor('', recipe(bad)), { message: /joe:\*\*\*@.*the server answers 401/ });
  t.false(error?.message.includes('wr0ng'));
});

test('the kernel of an image made by apt has the name that the distribution and the architecture give it', async t => {
  const made = createServer(({ url }, answer) =>
    answer.end(
      `-----BEGIN PGP SIGNED MESSAGE-----\n\nOrigin: ${url?.includes('/noble/') ? 'Ubuntu' : 'Debian'}\nLabel: x\n`,
    ),
  );
  made.listen(0, '127.0.0.1');
  await once(made, 'listening');
  t.teardown(() => made.close());
  const url = `http://127.0.0.1:${(made.address() as AddressInfo).port}/d/`;
  t.is(await kernelPackage(recipe([url])), 'linux-image-amd64');
  t.is(await kernelPackage({ ...recipe([url]), arch: 'aarch64' }), 'linux-image-arm64');
  t.is(await kernelPackage(recipe([`${url}#./`, `${url}#noble/main+universe`])), 'linux-image-generic');
  t.is(await kernelPackage(recipe([url], 'noble')), 'linux-image-generic');
  t.is(await kernelPackage(recipe(['file:///nowhere/', 'http://127.0.0.1:9/'])), 'linux-image-amd64');
});

const END =
  'E: apt-get update --error-on=any -oAPT::Status-Fd=<$fd> failed\nI: main() received signal PIPE: waiting for setup...\nE: mmdebstrap failed to run\n';

test("apt's reason is given with its repository, and what to do", t => {
  const of = (stderr: string) =>
    aptFailure(recipe(['http://d/debian/#bookworm/main']), { status: 25, stdout: '', stderr: `${stderr}\n${END}` });
  const rows: [string, RegExp, RegExp][] = [
    [
      'E: Release file for http://d/debian/dists/bookworm/InRelease is expired (invalid since 1792d).',
      /^The repository base cannot be used: Release file for .* is expired/,
      /archived\. .*check=false/,
    ],
    [
      "W: GPG error: http://d/debian bookworm InRelease: EXPKEYSIG 2A3C old <o@o>\nE: The repository 'http://d/debian bookworm InRelease' is not signed.",
      /repository base .*EXPKEYSIG 2A3C.*; .*is not signed/,
      /repo -i base update keys=URL/,
    ],
    [
      "E: Failed to fetch http://d/debian/dists/bookworm/InRelease  Clearsigned file isn't valid, got 'NOSPLIT' (does the network require authentication?)\nE: The repository 'http://d/debian bookworm InRelease' is not signed.",
      /NOSPLIT/,
      /login page/,
    ],
    [
      'E: Failed to fetch http://d/debian/Packages.gz  Hash Sum mismatch\n   Hashes of expected file:\n    - SHA256:1\n    - SHA1:2\n   Hashes of received file:\n    - SHA256:3\n    - SHA1:4\n   Last modification reported: x\n   Release file created at: y\nE: Some index files failed to download. They have been ignored, or old ones used instead.',
      /repository base .*Hash Sum mismatch$/,
      /another mirror/,
    ],
    [
      "W: GPG error: http://d/debian bookworm InRelease: NO_PUBKEY 1A16\nE: The repository 'http://e/debian bookworm Release' does not have a Release file.",
      /does not have a Release file\.$/,
      /update release=SUITE/,
    ],
    [
      "E: The repository 'http://d/debian nosuch Release' does not have a Release file.",
      /does not have a Release file/,
      /distro -i D update release=SUITE/,
    ],
    [
      'E: Unable to locate package openmpi3.1',
      /^The repos of the distro D are not enough: Unable to locate package openmpi3\.1$/,
      /repos=NAMES/,
    ],
  ];
  for (const [stderr, message, hint] of rows) {
    const error = of(stderr);
    t.is(error.code, 'tool-failed');
    t.regex(error.message, message);
    t.notRegex(error.message, /apt-get|mmdebstrap|signal PIPE/);
    t.regex(error.hint ?? '', hint);
  }
  t.is(of('E: write - write (28: No space left on device)').code, 'disk-full');
  t.regex(of('E: something else').message, /^'mmdebstrap bookworm' ended with status 25: .*something else/);
});

test('behind a proxy muster asks by it, and says so when there is no answer', async t => {
  const direct = createServer(({ headers }, answer) => answer.writeHead(headers.via ? 200 : 403).end('x'));
  direct.listen(0, '127.0.0.1');
  await once(direct, 'listening');
  t.teardown(() => direct.close());
  const url = `http://127.0.0.1:${(direct.address() as AddressInfo).port}/`;
  const proxy = await startProxy(t);
  if (proxy === undefined) return;
  t.is((await ask(url, {})).status, 403);
  t.is((await ask(url, { http_proxy: proxy })).status, 200);
  t.is((await ask(url, { HTTP_PROXY: proxy, no_proxy: '127.0.0.1' })).status, 403);
  const error = await t.throwsAsync(ask(url, { http_proxy: 'http://127.0.0.1:9' }));
  t.regex(
    whyNot(url, error, { http_proxy: 'http://127.0.0.1:9' }),
    /^connect ECONNREFUSED 127\.0\.0\.1:9 \(through the proxy of http_proxy/,
  );
  const late = new DOMException('x', 'TimeoutError');
  t.regex(whyNot('https://r/', late, { https_proxy: 'http://p' }), /^no answer in 15 s \(through the proxy of https/);
  t.is(whyNot('http://r/', late, { https_proxy: 'http://p' }), 'no answer in 15 s');
});

/** A real proxy on loopback; its URL. */
async function startProxy(t: ExecutionContext): Promise<string | undefined> {
  if (!requireAll(t, { programs: ['tinyproxy'] })) return undefined;
  const folder = await mkdtemp(join(tmpdir(), 'muster-proxy-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const spare = createServer().listen(0, '127.0.0.1');
  await once(spare, 'listening');
  const { port } = spare.address() as AddressInfo;
  await new Promise(resolve => spare.close(resolve));
  const file = join(folder, 'tinyproxy.conf');
  await writeFile(file, `Port ${port}\nListen 127.0.0.1\nAllow 127.0.0.1\nTimeout 20\n`);
  const child = spawn(findProgram('tinyproxy') ?? '', ['-d', '-c', file], { stdio: 'ignore' });
  t.teardown(() => child.kill());
  const proxy = `http://127.0.0.1:${port}`;
  while (child.exitCode === null && !(await answers(proxy))) await new Promise(setImmediate);
  return proxy;
}

async function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    () => true,
    () => false,
  );
}

test('keys that do not work are reported with their repository', t => {
  const [source] = recipe([]).sources;
  const sources = source ? [{ ...source, keys: ['http://d/key'] }] : [];
  for (const stderr of [
    'retrieving repo key for base unencrypted from http://d/key\nStatus code: 404 for http://d/key (IP: 127.0.0.1)\n',
    'Public key for a-1.rpm is not installed. Failing package is: a-1\n GPG Keys are configured as: http://d/key\nError: GPG check FAILED\n',
  ]) {
    const error = dnfFailure('dnf of this machine', { status: 1, stdout: '', stderr }, sources);
    t.regex(error.message, /^The keys of the repository base do not work: .*(Status code: 404|GPG check FAILED)/);
    t.regex(error.hint ?? '', /muster repo -i base update keys=URL/);
  }
});

test("yum's variables: dnf has their values, and an error says which one has none", async t => {
  t.regex((await managerFor('', recipe(['http://127.0.0.1:9/$contentdir/os/']))).name, /dnf|zypper/);
  const stderr =
    "Error: Failed to download metadata for repo 'baseos': x\n - Status code: 404 for http://m/?r=9$rltype (IP: ::1)\n";
  const error = dnfFailure('dnf', { status: 1, stdout: '', stderr });
  t.regex(error.message, /^The repository baseos cannot be read: .*9\$rltype/);
  t.regex(error.hint ?? '', /^\$rltype has no value: write one to \/etc\/dnf\/vars\/rltype/);
});

test('a package that a repository lists but does not have complete', t => {
  const stderr =
    'Error: Error downloading packages:\n  basefiles-1.0-1.x86_64: Cannot download, all mirrors were already tried without success\n';
  const error = dnfFailure('dnf of this machine', { status: 1, stdout: '', stderr }, recipe([]).sources);
  t.is(error.message, 'The repository base lists basefiles-1.0-1.x86_64, but has only a part of it.');
  t.regex(error.hint ?? '', /another mirror: muster repo -i base/);
});
