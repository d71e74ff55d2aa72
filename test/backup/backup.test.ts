// Backup and restore as commands, against a daemon's admin API and store.
import { createHash, randomBytes } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
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

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  writeFileSync(path, bytes);
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
  t.regex(backup.stderr, /b\.tar: 3\.\d MiB, 6 files, verified\. It contains secrets/);
  t.is(statSync(file).mode & 0o777, 0o600);
  t.deepEqual(readdirSync(join(folder, 'state/uploads')), []);
  t.false(existsSync(`${file}.part`));

  const other = await temporaryFolder(t);
  const verified = await restoreTo(join(other, 'state'), file, '--dry-run');
  t.is(verified.status, 0, verified.stderr);
  t.false(existsSync(join(other, 'state')));
  const restored = await restoreTo(join(other, 'state'), file);
  t.is(restored.status, 0, restored.stderr);
  t.regex(restored.stderr, /A backup of head1 from 20\d\d-.*: 6 files, all complete\./);
  t.deepEqual(readdirSync(join(other, 'state')).sort(), ['blobs', 'head.key', 'lock.db', 'muster.db', 'ssh']);
  for (const path of ['state/head.key', 'state/ssh/id_ed25519', 'state/ssh/id_ed25519.pub'])
    t.deepEqual(readFileSync(join(other, path)), readFileSync(join(folder, path)), path);
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

test('an interrupted backup leaves nothing behind, and garbage collection may remove what it kept', async t => {
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
  t.regex(
    list,
    /^muster-backup\.json\nmuster\.db\nhead\.key\nssh\/id_ed25519\nssh\/id_ed25519\.pub\n(blobs\/[0-9a-f]{2}\/[0-9a-f]{64}\n){2}muster-backup-end\.json\n$/,
  );
});

test('changes and garbage collection during a backup do not damage it', async t => {
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
      await world.collect(false, 0);
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
  t.regex(refused.stderr, /has a database already\. --force replaces it/);
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

test('a damaged, truncated or foreign file is refused with the position, and changes nothing', async t => {
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
  await refuses(/The file is not a backup of muster/);
  const escaping = whole.toString('latin1').replace('"path": "muster.db"', '"path": "../uster.d"');
  writeFileSync(file, Buffer.from(escaping, 'latin1'));
  await refuses(/not a backup of muster: muster-backup\.json: files\.path has the wrong form \(entry 1\)/);
});

test('a backup of a newer muster is refused with the remedy', async t => {
  const { folder, muster } = await furnished(t);
  const file = join(folder, 'b.tar');
  await muster('backup', file);
  const newer = readFileSync(file, 'latin1').replace(/"schema": \d+,/, '"schema": 9,');
  writeFileSync(file, Buffer.from(newer, 'latin1'));
  const { status, stderr } = await restoreTo(join(folder, 'new'), file);
  t.is(status, 6);
  t.regex(stderr, /with a database of version 9; this muster knows up to \d+\. Install that muster, then restore\./);
});

for (const [what, harm] of [
  ['has one bit flipped', (path: string) => flip(path, 5000)],
  ['is cut short', (path: string) => truncateSync(path, 1000)],
] as const)
  test(`a stored file that ${what} at the head is named with what uses it, and the rest is backed up`, async t => {
    const { folder, muster, kernel, world } = await furnished(t);
    const digest = createHash('sha256').update(kernel).digest('hex');
    const file = join(folder, 'b.tar');
    harm(world.blobs.path(digest));
    const { status, stderr } = await muster('backup', file);
    t.is(status, 1, stderr);
    t.true(
      stderr.includes(
        `WARNING: the stored file ${digest.slice(0, 12)} is damaged on this head: boot config B. Upload the file again (update …=@FILE), then retry the backup.`,
      ),
      stderr,
    );
    const restored = await restoreTo(join(folder, 'new'), file);
    t.is(restored.status, 0, restored.stderr);
    t.regex(restored.stderr, /WARNING: the stored file [0-9a-f]{12} was damaged .*; upload it again: boot config B\./);
    t.false(existsSync(join(folder, 'new/blobs', digest.slice(0, 2), digest)));
    const iso = createHash('sha256').update(isoFile('DVD')).digest('hex');
    t.true(existsSync(join(folder, 'new/blobs', iso.slice(0, 2), iso)));
  });

test('a missing stored file is a warning, and the backup succeeds', async t => {
  const { folder, muster, kernel, world } = await furnished(t);
  const digest = createHash('sha256').update(kernel).digest('hex');
  rmSync(world.blobs.path(digest));
  const { status, stderr } = await muster('backup', join(folder, 'b.tar'));
  t.is(status, 1);
  t.regex(stderr, new RegExp(`WARNING: the stored file ${digest.slice(0, 12)} is missing on this head: boot config B`));
  t.is((await restoreTo(join(folder, 'new'), join(folder, 'b.tar'))).status, 0);
});

test('a link at the part file is not followed, and a file that another user made there is not written to', async t => {
  const { muster, folder } = await furnished(t);
  const file = join(folder, 'b.tar');
  writeFileSync(join(folder, 'precious'), 'precious');
  symlinkSync(join(folder, 'precious'), `${file}.part`);
  const { status, stderr } = await muster('backup', file);
  t.is(status, 0, stderr);
  t.is(readFileSync(join(folder, 'precious'), 'utf8'), 'precious');
  t.true(lstatSync(file).isFile());
});

test('a backup of format 1 can be restored: it leaves the ssh key of the head as it is', async t => {
  const { muster, folder, world } = await furnished(t);
  const file = join(folder, 'b.tar');
  await muster('backup', file);
  await runOk('tar', ['-xf', file, '-C', folder]);
  const manifest = JSON.parse(readFileSync(join(folder, 'muster-backup.json'), 'utf8'));
  const files = manifest.files.filter(({ path }: { path: string }) => !path.startsWith('ssh/'));
  const old = { ...manifest, format: 1, files, missing: ['b'.repeat(64)] };
  writeFileSync(join(folder, 'muster-backup.json'), JSON.stringify(old));
  const names = ['muster-backup.json', ...files.map(({ path }: { path: string }) => path)];
  await runOk('tar', ['--format=ustar', '-cf', file, '-C', folder, ...names]);
  const state = join(folder, 'state');
  const key = readFileSync(join(state, 'ssh/id_ed25519'));
  await world.stop();
  const { status, stderr } = await restoreTo(state, file, '--force');
  t.is(status, 0, stderr);
  t.regex(stderr, /WARNING: the stored file bbbbbbbbbbbb was missing when the backup was made\./);
  t.deepEqual(readFileSync(join(state, 'ssh/id_ed25519')), key);
});

test('on a head of another network the nodes that cannot boot there are named', async t => {
  const { muster, folder } = await furnished(t);
  const file = join(folder, 'b.tar');
  await muster('backup', file);
  const config = join(folder, 'muster.toml');
  writeFileSync(config, 'head.address = "10.99.0.1/24"\n');
  const { status, stderr } = await restoreTo(join(folder, 'new'), file, '--config', config);
  t.is(status, 0, stderr);
  t.regex(stderr, /WARNING: 1 of 1 nodes have an address of no network, and cannot boot: n0; /);
});
