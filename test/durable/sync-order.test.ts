// What is acknowledged survives a power cut: the order of write, fsync and rename, as the kernel sees it.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { packageRoot } from '../../src/package-root.ts';
import { temporaryFolder } from '../store/folder.ts';
import { faults, namesBelow, traced } from '../support/disk-trace.ts';
import { requireAll } from '../support/require.ts';
import { makeHead } from './heads.ts';

const SCENE = join(packageRoot, 'dist/test/durable/scene.js');
const BIN = join(packageRoot, 'dist/src/cli/bin.js');
const STATE = /\/(muster\.db(-wal)?|head\.key|ssh\/[^/]*ed25519(\.pub)?|blobs\/..\/[0-9a-f]{64}|plan\.json)$/;

async function survives(
  t: ExecutionContext,
  folder: string,
  words: string[],
  { acknowledgement = 'acknowledged', durable = STATE, least = 1 } = {},
): Promise<void> {
  t.timeout(300_000);
  const existing = namesBelow(folder);
  const { steps, result } = await traced(t, [process.execPath, ...words]);
  t.is(result.status, 0, result.stderr);
  const isDurable = (path: string): boolean => path.startsWith(`${folder}/`) && durable.test(path);
  t.deepEqual(faults(steps, { isDurable, acknowledgement, existing }), []);
  // A trace that shows nothing proves nothing.
  const seen = new Set(steps.flatMap(({ paths }) => paths).filter(isDurable));
  t.true(seen.size >= least, [...seen].join(' '));
}

const canTrace = (t: ExecutionContext): boolean => requireAll(t, { programs: ['strace'] });

test.serial('a commit', async t => {
  if (!canTrace(t)) return;
  const folder = temporaryFolder(t);
  await survives(t, folder, [SCENE, 'commit', folder], { least: 2 });
});

test.serial('simultaneous commits share an fsync', async t => {
  if (!canTrace(t)) return;
  const folder = temporaryFolder(t);
  const { steps, result } = await traced(t, [process.execPath, SCENE, 'together', folder]);
  t.is(result.status, 0, result.stderr);
  const said = (word: string): number => steps.findIndex(({ call, text }) => call === 'write' && text.includes(word));
  const between = steps.slice(said('begun'), said('acknowledged'));
  const synced = between.filter(({ call, paths }) => call.endsWith('sync') && paths[0]?.endsWith('/muster.db-wal'));
  // The first of them may go alone, before the others have come.
  t.true(synced.length >= 1 && synced.length <= 2, `${synced.length}`);
});

test.serial('an upload', async t => {
  if (!canTrace(t)) return;
  const folder = temporaryFolder(t);
  await survives(t, folder, [SCENE, 'upload', folder], { least: 3 });
});

test.serial('the keys of the head', async t => {
  if (!requireAll(t, { programs: ['strace', 'ssh-keygen'] })) return;
  const folder = temporaryFolder(t);
  await survives(t, folder, [SCENE, 'keys', folder], { least: 3 });
});

test.serial('a restore over a head, and onto nothing', async t => {
  if (!canTrace(t)) return;
  const folder = temporaryFolder(t);
  const { backup } = await makeHead(join(folder, 'new'), 'new');
  const { state } = await makeHead(join(folder, 'old'), 'old');
  await survives(t, state, [SCENE, 'restore', state, backup], { least: 6 });
  const empty = join(folder, 'empty/deep/state');
  mkdirSync(join(folder, 'empty'));
  await survives(t, join(folder, 'empty'), [SCENE, 'restore', empty, backup], { least: 6 });
});

test.serial('a backup', async t => {
  if (!canTrace(t)) return;
  const folder = temporaryFolder(t);
  const { state } = await makeHead(join(folder, 'head'), 'head');
  const words = [BIN, 'backup', join(folder, 'out/b.tar'), '--state', state];
  await survives(t, join(folder), words, { acknowledgement: 'verified', durable: /\/out\/b\.tar$/ });
});

test.serial('an image of the workspace', async t => {
  if (!canTrace(t)) return;
  const folder = temporaryFolder(t);
  const durable = /\/workspace\/(manifest\.json|[0-9a-f]{32})$/;
  await survives(t, folder, [SCENE, 'image', folder], { durable, least: 2 });
});

test.serial('muster init', async t => {
  if (!canTrace(t)) return;
  const folder = temporaryFolder(t);
  const words = [BIN, 'init', '--config', join(folder, 'etc/muster.toml'), '--address', '127.0.0.1/8'];
  await survives(t, folder, [...words, '--socket', join(folder, 'none.sock')], {
    acknowledgement: 'wrote',
    durable: /\/muster\.toml$/,
  });
});
