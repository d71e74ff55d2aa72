// The node's Ignition configuration, applied by the real ignition in a root that has nothing else.
import { copyFile, mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { runOk } from '../../src/process/run.ts';
import { requireAll } from '../support/require.ts';
import { giveSession, makePlace, type Place, runParts } from './shells.ts';

const PROGRAM = '/usr/lib/dracut/modules.d/30ignition/ignition';
/** A namespace whose /run is the place's, as in the initramfs. */
const ALONE = [
  'unshare',
  '--mount',
  'sh',
  '-c',
  'mount -t tmpfs x /run && mkdir /run/muster && mount --bind "$MUSTER_RUN" /run/muster && exec "$@"',
  'sh',
];
const SCRIPT = `
report() { echo "report: $*"; }
for part in in_root stage_scripts ignition; do . "$MUSTER_LIB/lib/$part"; done
pause() { :; }
apply_ignition
`;

const config = (files: object[]): string => JSON.stringify({ ignition: { version: '3.3.0' }, storage: { files } });

async function head(t: ExecutionContext, text: string | undefined): Promise<string> {
  const server = createServer((_request, response) => {
    response.statusCode = text === undefined ? 500 : 200;
    response.setHeader('Content-Length', Buffer.byteLength(text ?? ''));
    response.end(text ?? '');
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as { port: number };
  return `http://127.0.0.1:${port}/ignition`;
}

/** Puts ignition and its libraries into the root. */
async function install(place: Place): Promise<void> {
  const libraries = (await runOk('ldd', [PROGRAM])).match(/\/\S+/g) ?? [];
  for (const file of [PROGRAM, ...libraries, '/bin/busybox']) {
    const target = join(place.root, file);
    await mkdir(dirname(target), { recursive: true });
    await copyFile(file, target);
  }
  for (const name of ['sh', 'cat']) await symlink('busybox', join(place.root, 'bin', name));
}

async function applied(
  t: ExecutionContext,
  text: string | undefined,
  withProgram = true,
): Promise<{ place: Place; said: string }> {
  const place = await makePlace(t);
  for (const name of ['proc', 'sys', 'dev', 'run', 'tmp']) await mkdir(join(place.root, name));
  if (withProgram) await install(place);
  await giveSession(place, { MUSTER_IGNITION: await head(t, text) });
  const { status, stdout, stderr } = await runParts('dash', place, SCRIPT, {}, ALONE);
  t.is(status, 0, stderr);
  await t.throwsAsync(stat(join(place.run, 'ignition')), { code: 'ENOENT' }, 'the configuration does not stay');
  return { place, said: stdout.trim() };
}

test('files of the configuration are in the root, and the timeline says so', async t => {
  if (!requireAll(t, { programs: ['busybox', 'unshare'], files: [PROGRAM] })) return;
  const file = { path: '/etc/from-ignition', mode: 0o600, contents: { source: 'data:,hello%20n0%0A' } };
  const { place, said } = await applied(t, config([file]));
  t.is(said, 'report: stage=initramfs detail=the Ignition configuration was applied');
  t.is(await readFile(join(place.root, 'etc/from-ignition'), 'utf8'), 'hello n0\n');
  t.is((await stat(join(place.root, 'etc/from-ignition'))).mode & 0o777, 0o600);
  await t.throwsAsync(stat(join(place.root, 'etc/selinux')), { code: 'ENOENT' }, 'what stood in for SELinux is gone');
});

test('a configuration that ignition refuses, no ignition, and a head that fails are reported; the boot goes on', async t => {
  if (!requireAll(t, { programs: ['busybox', 'unshare'], files: [PROGRAM] })) return;
  const failed = 'report: stage=initramfs detail=the Ignition configuration was not applied: ';
  const relative = await applied(t, config([{ path: 'relative', contents: { source: 'data:,' } }]));
  t.true(relative.said.startsWith(`${failed}stage fetch: `), relative.said);
  const missing = await applied(t, config([]), false);
  t.is(missing.said, `${failed}the image has no ignition; install the package ignition in it`);
  const broken = await applied(t, undefined);
  t.true(broken.said.startsWith(`${failed}it could not be fetched (`), broken.said);
});

test('a node without _ignition does nothing', async t => {
  const place = await makePlace(t);
  await giveSession(place, { MUSTER_IGNITION: '' });
  await writeFile(join(place.root, 'mark'), '');
  t.is((await runParts('dash', place, SCRIPT)).stdout, '');
});
