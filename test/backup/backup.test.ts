// Backup and restore as commands, against a daemon's admin API and store.
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { planUpdate } from '../../src/model/changes.ts';
import { packageRoot } from '../../src/package-root.ts';
import { type RunResult, run, runOk } from '../../src/process/run.ts';
import { fakeKernel, startWorld, type World } from '../admin/world.ts';
import { isoFile } from '../cli/files.ts';
import { temporaryFolder } from '../cli/folder.ts';

const BIN = join(packageRoot, 'dist/src/cli/bin.js');

interface Head {
  folder: string;
  world: World;
  /** A command line on this head's socket. */
  muster(...words: string[]): Promise<RunResult>;
}

async function head(t: ExecutionContext, folder?: string): Promise<Head> {
  const home = folder ?? (await temporaryFolder(t));
  const world = await startWorld(home);
  t.teardown(world.stop);
  const muster = async (...words: string[]): Promise<RunResult> =>
    run(process.execPath, [BIN, ...words, '--socket', world.socket]);
  return { folder: home, world, muster };
}

/** A head with a node, a boot config with a kernel, and a repository with an ISO. */
async function furnished(t: ExecutionContext): Promise<Head & { kernel: Buffer }> {
  const made = await head(t);
  const kernel = fakeKernel('6.1.0-9-amd64', randomBytes(3 << 20));
  writeFileSync(join(made.folder, 'vmlinuz'), kernel);
  writeFileSync(join(made.folder, 'dvd.iso'), isoFile('DVD'));
  for (const words of [
    ['node', 'create', 'mac=52:54:00:00:00:01'],
    ['boot', 'create', 'name=B', `kernel=@${join(made.folder, 'vmlinuz')}`],
    ['repo', 'create', 'name=R', `iso=@${join(made.folder, 'dvd.iso')}`],
  ]) {
    const { status, stderr } = await made.muster(...words);
    t.is(status, 0, stderr);
  }
  return { ...made, kernel };
}

const restoreTo = async (state: string, file: string, ...words: string[]): Promise<RunResult> =>
  run(process.execPath, [BIN, 'restore', file, '--state', state, '--socket', '/nowhere/admin.sock', ...words]);

test('a backup of a running head, restored elsewhere, is the same head: objects, files, key', async t => {
  const { folder, muster, kernel, world } = await furnished(t);
  writeFileSync(join(folder, 'state/head.key'), Buffer.alloc(32, 'k'));
  const file = join(folder, 'b.tar');
  const backup = await muster('backup', file);
  t.is(backup.status, 0, backup.stderr);
  t.regex(backup.stderr, /b\.tar: 3\.\d MiB, 4 files, verified\. It holds secrets/);
  t.is(statSync(file).mode & 0o777, 0o600);
  t.deepEqual(readdirSync(join(folder, 'state/uploads')), []);
  t.false(existsSync(`${file}.part`));

  const other = await temporaryFolder(t);
  const verified = await restoreTo(join(other, 'state'), file, '--dry-run');
  t.is(verified.status, 0, verified.stderr);
  t.false(existsSync(join(other, 'state')));
  const restored = await restoreTo(join(other, 'state'), file);
  t.is(restored.status, 0, restored.stderr);
  t.regex(restored.stderr, /A backup of head1 of 20\d\d-.*: 4 files, all of them whole\./);
  t.deepEqual(readdirSync(join(other, 'state')).sort(), ['blobs', 'head.key', 'lock.db', 'muster.db']);
  t.deepEqual(readFileSync(join(other, 'state/head.key')), Buffer.alloc(32, 'k'));
  const { world: again } = await head(t, other);
  for (const kind of ['node', 'boot', 'repo'] as const)
    t.deepEqual(
      again.cluster.all(kind).map(({ value }) => value),
      world.cluster.all(kind).map(({ value }) => value),
    );
  const digest = createHash('sha256').update(kernel).digest('hex');
  t.deepEqual(readFileSync(again.blobs.path(digest)), kernel);
  t.deepEqual((await again.collect(true)).missing, []);
});

test('a backup that is broken off leaves nothing behind, and what it kept can be collected again', async t => {
  const { world, folder } = await furnished(t);
  const uploads = join(folder, 'state/uploads');
  await new Promise<void>((resolve, reject) => {
    const asked = request({ socketPath: world.socket, path: '/api/v1/backup' }, answer => {
      answer.once('data', () => {
        asked.destroy();
        resolve();
      });
      answer.on('error', () => {});
    });
    asked.on('error', reject);
    asked.end();
  });
  while (readdirSync(uploads).length > 0) await setImmediate();
  t.false((await world.blobs.list()).some(({ sha256 }) => world.blobs.isHeld(sha256)));
});

test('tar unpacks a backup', async t => {
  const { folder, muster } = await furnished(t);
  await muster('backup', join(folder, 'b.tar'));
  const list = await runOk('tar', ['-tf', join(folder, 'b.tar')]);
  t.regex(list, /^muster-backup\.json\nmuster\.db\n(blobs\/[0-9a-f]{2}\/[0-9a-f]{64}\n){2}$/);
});

test('changes and garbage collection during a backup leave it whole', async t => {
  const { world, folder, muster } = await furnished(t);
  const file = join(folder, 'b.tar');
  const [node] = world.cluster.all('node');
  let busy = true;
  const changes = (async () => {
    for (let count = 0; busy && node; count += 1) {
      await world.commander.perform({
        who: 'test',
        what: 'change',
        plan: () => planUpdate(world.context, 'node', world.cluster.all('node'), { description: `${count}` }),
      });
      await world.collect(false, () => Date.now() + 3_600_000);
    }
  })();
  t.is((await muster('boot', '-i', 'B', 'delete')).status, 0);
  const backup = await muster('backup', file);
  busy = false;
  await changes;
  t.is(backup.status, 0, backup.stderr);
  t.is((await restoreTo(join(folder, 'elsewhere'), file)).status, 0);
});

test('a stopped head is backed up from its folder, and restored over itself only with --force, which keeps the old', async t => {
  const { world, folder, muster } = await furnished(t);
  const state = join(folder, 'state');
  const file = join(folder, 'b.tar');
  writeFileSync(file, 'whatever');
  const running = await restoreTo(state, file);
  t.is(running.status, 5);
  t.regex(running.stderr, /musterd runs on .*state\. Stop it first: systemctl stop musterd/);
  await world.stop();
  const backup = await muster('backup', file, '--state', state);
  t.is(backup.status, 0, backup.stderr);
  const before = readFileSync(join(state, 'muster.db'));
  const refused = await restoreTo(state, file);
  t.is(refused.status, 5);
  t.regex(refused.stderr, /has a database already\. With --force it is replaced/);
  t.deepEqual(readFileSync(join(state, 'muster.db')), before);
  const forced = await restoreTo(state, file, '--force');
  t.is(forced.status, 0, forced.stderr);
  const [old = ''] = readdirSync(state).filter(name => name.startsWith('before-restore-'));
  t.deepEqual(readFileSync(join(state, old, 'muster.db')), before);
  const { world: again } = await head(t, folder);
  t.is(again.cluster.all('node').length, 1);
});

test('standard output and standard input', async t => {
  const { folder, world } = await furnished(t);
  const line = `${process.execPath} ${BIN} backup - --socket ${world.socket} | ${process.execPath} ${BIN} restore - --state ${join(folder, 'new')}`;
  const { status, stderr } = await run('sh', ['-c', line]);
  t.is(status, 0, stderr);
  t.true(existsSync(join(folder, 'new/muster.db')));
});

test('what is damaged, cut off, or no backup is refused with the place, and changes nothing', async t => {
  const { folder, muster } = await furnished(t);
  const file = join(folder, 'b.tar');
  await muster('backup', file);
  const whole = readFileSync(file);
  const state = join(folder, 'new');
  const refuses = async (pattern: RegExp): Promise<void> => {
    const { status, stderr } = await restoreTo(state, file);
    t.is(status, 6, stderr);
    t.regex(stderr, pattern);
    t.deepEqual(existsSync(state) ? readdirSync(state) : [], ['lock.db']);
  };
  truncateSync(file, whole.length - 2_000_000);
  await refuses(/The backup ends too early: it is not whole/);
  const bad = Buffer.from(whole);
  bad.writeUInt8(bad.readUInt8(bad.length - 1_000_000) ^ 1, bad.length - 1_000_000);
  writeFileSync(file, bad);
  await refuses(/The backup is damaged: blobs\/[0-9a-f/]+ has other bytes than were backed up/);
  writeFileSync(file, 'no archive'.repeat(1000));
  await refuses(/The file is no backup of muster/);
  const escaping = whole.toString('latin1').replace('"path": "muster.db"', '"path": "../uster.d"');
  writeFileSync(file, Buffer.from(escaping, 'latin1'));
  await refuses(/no backup of muster: muster-backup\.json: files\.0\.path/);
});

test('a backup of a newer muster is refused, with what to do', async t => {
  const { folder, muster } = await furnished(t);
  const file = join(folder, 'b.tar');
  await muster('backup', file);
  const newer = readFileSync(file, 'latin1').replace(/"schema": \d+,/, '"schema": 9,');
  writeFileSync(file, Buffer.from(newer, 'latin1'));
  const { status, stderr } = await restoreTo(join(folder, 'new'), file);
  t.is(status, 6);
  t.regex(stderr, /with a database of version 9; this muster knows up to \d+\. Install that muster, then restore\./);
});

test('a stored file that is damaged at the head is found while it is backed up', async t => {
  const { folder, muster, kernel, world } = await furnished(t);
  const path = world.blobs.path(createHash('sha256').update(kernel).digest('hex'));
  const bytes = readFileSync(path);
  bytes.writeUInt8(bytes.readUInt8(5000) ^ 1, 5000);
  writeFileSync(path, bytes);
  const { status, stderr } = await muster('backup', join(folder, 'b.tar'));
  t.is(status, 6);
  t.regex(stderr, /damaged: blobs\//);
  t.deepEqual(
    readdirSync(folder).filter(name => name.startsWith('b.tar')),
    [],
  );
});

test('a stored file that is gone is a warning, and no reason to have no backup', async t => {
  const { folder, muster, kernel, world } = await furnished(t);
  const digest = createHash('sha256').update(kernel).digest('hex');
  rmSync(world.blobs.path(digest));
  const { status, stderr } = await muster('backup', join(folder, 'b.tar'));
  t.is(status, 1);
  t.regex(stderr, new RegExp(`WARNING: the stored file ${digest.slice(0, 12)} is gone`));
  t.is((await restoreTo(join(folder, 'new'), join(folder, 'b.tar'))).status, 0);
});
