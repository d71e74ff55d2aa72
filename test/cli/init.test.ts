// `muster init` as a command, against a running daemon: the first time makes a head, the second changes nothing.
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { loadConfig } from '../../src/config.ts';
import { planCreate } from '../../src/model/changes.ts';
import { planDelete } from '../../src/model/deletion.ts';
import { packageRoot } from '../../src/package-root.ts';
import { run } from '../../src/process/run.ts';
import { startWorld } from '../admin/world.ts';
import { temporaryFolder } from '../store/folder.ts';

const CONF = `domain cluster.local
interface boot0
nodes 20
iprange 10.54.0.50 10.54.0.80
nodename compute{}
node 52:54:00:00:00:01
node 52:54:00:00:00:02
`;

async function setUp(t: ExecutionContext, running = true) {
  const folder = temporaryFolder(t);
  const file = join(folder, 'muster.toml');
  const conf = join(folder, 'cluster-conf');
  writeFileSync(conf, CONF);
  const world = running ? await startWorld(folder) : undefined;
  if (world) t.teardown(world.stop);
  const init = async (...words: string[]) =>
    run(process.execPath, [
      join(packageRoot, 'dist/src/cli/bin.js'),
      'init',
      '--socket',
      join(folder, 'run/admin.sock'),
      '--config',
      file,
      ...words,
    ]);
  return { folder, file, conf, world, init };
}

test('the first time makes a head of the machine, the second changes nothing', async t => {
  const { file, conf, world, init } = await setUp(t);
  const words = ['--address', '10.54.0.1/24', '--cluster-conf', conf];
  const first = await init(...words);
  t.is(first.status, 0, first.stderr);
  t.regex(first.stdout, /^wrote .*muster\.toml$/m);
  t.regex(first.stdout, /^created 2 nodes$/m);
  t.regex(first.stdout, /^Next steps:$/m);
  t.regex(first.stdout, /muster image create name=DefaultImage content=@FILE/);
  t.is(statSync(file).mode & 0o777, 0o644);
  t.like(loadConfig(file), {
    'head.address': '10.54.0.1/24',
    'head.interface': 'boot0',
    'dhcp.domain': 'cluster.local',
  });
  t.deepEqual(
    world?.cluster.all('node').map(({ value }) => [value.name, value.mac, value.ip]),
    [
      ['compute0', '52:54:00:00:00:01', '10.54.0.50'],
      ['compute1', '52:54:00:00:00:02', '10.54.0.51'],
    ],
  );
  t.is(world?.cluster.byName('pool', 'default')?.value.size, 20);
  const before = [world?.cluster.sequence, readFileSync(file, 'utf8')];
  const second = await init(...words);
  t.is(second.status, 0, second.stderr);
  t.regex(second.stdout, /^Nothing to change\.$/m);
  t.deepEqual([world?.cluster.sequence, readFileSync(file, 'utf8')], before);
});

test('a dry run says what it would do, and does nothing', async t => {
  const { file, conf, world, init } = await setUp(t);
  const before = world?.cluster.sequence;
  const result = await init('--address', '10.54.0.1/24', '--cluster-conf', conf, '--dry-run');
  t.is(result.status, 0, result.stderr);
  t.regex(result.stdout, /^created 2 nodes$/m);
  t.regex(result.stdout, /Dry run/);
  t.is(world?.cluster.sequence, before);
  t.false(existsSync(file));
});

test('a dry run needs no file yet that --config names', async t => {
  const { file } = await setUp(t, false);
  const bin = join(packageRoot, 'dist/src/cli/bin.js');
  const words = ['init', '--config', file, '--address', '10.54.0.1/24', '--dry-run'];
  const result = await run(process.execPath, [bin, ...words]);
  t.is(result.status, 0, result.stderr);
  t.regex(result.stdout, /head\.address: none -> '10\.54\.0\.1\/24'\n[\s\S]*Dry run/);
  t.false(existsSync(file));
});

test('a configuration that says otherwise is shown and left, unless forced; its other keys stay, and so does a copy', async t => {
  const { file, init } = await setUp(t);
  const old = '# mine\n[head]\naddress = "10.54.0.9/24"\n\n[http]\nport = 8081\n';
  writeFileSync(file, old);
  const refused = await init('--address', '10.54.0.1/24', '--interface', 'boot0');
  t.is(refused.status, 5);
  t.is(
    refused.stderr,
    `ERROR: ${file} has other values; change it, or use --force:\n  head.address: '10.54.0.9/24' -> '10.54.0.1/24'\n  head.interface: none -> 'boot0'\n`,
  );
  t.is(readFileSync(file, 'utf8'), old);
  const forced = await init('--address', '10.54.0.1/24', '--interface', 'boot0', '--force');
  t.is(forced.status, 0, forced.stderr);
  t.like(loadConfig(file), { 'head.address': '10.54.0.1/24', 'http.port': 8081 });
  t.is(
    readFileSync(file, 'utf8'),
    '# mine\n[head]\naddress = "10.54.0.1/24"\ninterface = "boot0"\n\n[http]\nport = 8081\n',
  );
  t.is(readFileSync(`${file}.old`, 'utf8'), old);
  t.regex((await init('--address', '10.54.0.2/24', '--force')).stdout, /the old one is .*\.old-2$/m);
  t.is(readFileSync(`${file}.old`, 'utf8'), old, 'the first old one is not lost to the second');
  t.regex(readFileSync(`${file}.old-2`, 'utf8'), /10\.54\.0\.1/);
});

test('without a daemon the configuration is written, and the next steps are printed', async t => {
  const { file, init } = await setUp(t, false);
  const result = await init('--address', '10.54.0.1/24');
  t.is(result.status, 0, result.stderr);
  t.true(existsSync(file));
  t.true(result.stdout.includes(`systemctl enable --now musterd   # or by hand: musterd --config ${file}\n`));
  t.is((await init('--address', '10.54.0.1/24')).status, 0);
});

test('a daemon that serves another network is to be restarted first', async t => {
  const { world, init } = await setUp(t);
  const before = world?.cluster.sequence;
  const result = await init('--address', '10.99.0.1/24');
  t.is(result.status, 5, result.stderr);
  t.regex(result.stdout, /systemctl restart musterd {3}# it still serves 10\.54\.0\.1\/24/);
  t.is(world?.cluster.sequence, before);
});

test('defaults that were deleted come back, and nodes boot DefaultBoot when it is there', async t => {
  const { world, init } = await setUp(t);
  if (!world) throw new Error('there is a daemon here');
  const { commander, cluster, context } = world;
  const act = async (plan: () => ReturnType<typeof planCreate>) => commander.perform({ who: 't', what: 't', plan });
  await act(() => planDelete(cluster, cluster.all('attrib'), false));
  await act(() => planDelete(cluster, cluster.all('pool'), false));
  await act(() => planCreate(context, 'boot', [{ name: 'DefaultBoot' }]));
  const result = await init('--address', '10.54.0.1/24', '--range', '10.54.0.100');
  t.is(result.status, 0, result.stderr);
  const group = cluster.byName('attrib', 'DefaultAttribs');
  t.is(cluster.settings?.default_group, group?.uid);
  t.like(cluster.byName('pool', 'default')?.value, { ip_base: '10.54.0.100' });
  t.is(cluster.settings?.default_pool, cluster.byName('pool', 'default')?.uid);
  t.deepEqual(group?.value.attributes, { _boot_config: 'DefaultBoot' });
  const { sequence } = cluster;
  t.is((await init('--address', '10.54.0.1/24', '--range', '10.54.0.100')).status, 0);
  t.is(cluster.sequence, sequence);
});
