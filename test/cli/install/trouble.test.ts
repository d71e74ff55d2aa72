// `muster install` and `muster init` when something goes wrong: wrong answers, Ctrl-C in each phase, a disk without room. Then once more.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { loadConfig } from '../../../src/config.ts';
import { packageRoot } from '../../../src/package-root.ts';
import { run } from '../../../src/process/run.ts';
import { startWorld } from '../../admin/world.ts';
import { temporaryFolder } from '../../store/folder.ts';
import { requireAll } from '../../support/require.ts';
import { until } from '../../support/until.ts';
import { converse, type Talk } from '../converse.ts';

const BIN = join(packageRoot, 'dist/src/cli/bin.js');
const NEEDS = { root: true, programs: ['unshare', 'script', 'mount', 'ip', 'setpriv', 'setsid'] };

/** A bare machine in namespaces of its own: one interface, iPXE not installed, and the programs in `bin` before the system's. */
async function machine(t: ExecutionContext, room: 'enough' | 'none' = 'enough') {
  t.timeout(300_000);
  const folder = temporaryFolder(t);
  const world = await startWorld(folder);
  t.teardown(world.stop);
  for (const name of ['bin', 'small', 'repo/dists/bookworm']) mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, 'repo/dists/bookworm/Release'), 'Origin: Debian\n');
  const program = (name: string, text: string): void =>
    writeFileSync(join(folder, 'bin', name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  program('apt-get', `echo "$*" >>${folder}/apt; [ "$1" != indextargets ]`);
  const environment = {
    ...process.env,
    PATH: [join(folder, 'bin'), dirname(process.execPath), process.env['PATH']].join(delimiter),
    HOME: folder,
    LC_ALL: 'C.UTF-8',
    NO_COLOR: '1',
  };
  const config = join(folder, 'etc/muster.toml');
  const socket = join(folder, 'run/admin.sock');
  const muster = (...words: string[]): string => [process.execPath, BIN, ...words, '--socket', socket].join(' ');
  const set = async (...words: string[]) => t.is((await run('sh', ['-c', muster(...words)])).status, 0);
  await set('repo', 'create', 'name=Own', `urls=file://${folder}/repo`);
  await set('distro', 'create', 'name=Own', 'release=bookworm', 'repos=Own', 'package_manager=apt');
  await set('cluster', '--set-distro', 'Own');
  const inside = (line: string): string => {
    const script = [
      'ip link set lo up && ip link add boot0 type veth peer name cable && ip link set cable up || exit 99',
      'ip addr add 10.54.0.1/24 dev boot0 && ip link set boot0 up || exit 99',
      `mount -t tmpfs none /usr/lib/ipxe && mount -t tmpfs -o size=512k none ${folder}/small || exit 99`,
      room === 'none'
        ? `mkdir -p ${folder}/.scyldcw && mount -t tmpfs -o size=2m none ${folder}/.scyldcw || exit 99`
        : '',
      line,
    ];
    writeFileSync(join(folder, 'line.sh'), script.join('\n'));
    return `unshare --mount --net sh ${join(folder, 'line.sh')}`;
  };
  const install = muster('install', '--config', config);
  return {
    ...{ folder, config, world, program, muster },
    talk: async (answers: Talk, line = install) => converse({ environment, folder }, inside(`exec ${line}`), answers),
    quietly: async (line: string) => run('sh', ['-c', inside(line)], { env: environment }),
    isRunning: async (name: string): Promise<boolean> =>
      (await run('sh', ['-c', 'cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" " "'])).stdout.includes(
        join(folder, 'bin', name),
      ),
  };
}

const INTERFACE = /Interface of the boot network \[boot0\]:/;
const RANGE = /Addresses of nodes.*:/;
const ANSWERS: Talk = [
  [INTERFACE, '\r'],
  [RANGE, '10.54.0.50-10.54.0.60\r'],
];
const LONG = 'echo working; exec sleep 1000';

test.serial('wrong answers at a terminal are named and asked for again; the right ones make the head', async t => {
  if (!requireAll(t, NEEDS)) return;
  const { talk, config, folder, program } = await machine(t);
  program('mmdebstrap', 'echo "E: no network" >&2; exit 25');
  const { status, said } = await talk([
    [INTERFACE, 'eht1\r'],
    [RANGE, '\r'],
    [/eht1/, ''],
    [INTERFACE, '\r'],
    [RANGE, '10.54.0.50-banana\r'],
    [/banana/, ''],
    [INTERFACE, '\r'],
    [RANGE, '10.99.0.1-10.99.0.9\r'],
    [/10\.99\.0\.1/, ''],
    [INTERFACE, '\r'],
    [RANGE, '10.54.0.60-10.54.0.50\r'],
    ...ANSWERS,
  ]);
  t.notRegex(said, /not asked|This is a bug/);
  t.regex(said, /installing the package ipxe/);
  t.regex(readFileSync(join(folder, 'apt'), 'utf8'), /^-q update\n.*install .*ipxe$/m);
  t.like(loadConfig(config), { 'head.address': '10.54.0.1/24', 'head.interface': 'boot0' });
  t.not(status, 0, 'the image could not be made');
  t.regex(said, /resumes where it stopped/);
  t.notRegex(said, /Next steps|This head is ready/, 'they are the end of a run, not its middle');
});

test.serial(
  'Ctrl-C at a question and during the package installation: nothing is configured, nothing continues',
  async t => {
    if (!requireAll(t, NEEDS)) return;
    const { talk, config, program, isRunning } = await machine(t);
    for (const answers of [
      [[INTERFACE, '\x03']],
      [
        [INTERFACE, '\r'],
        [RANGE, '\x03'],
      ],
    ] as Talk[]) {
      const { status, said } = await talk(answers);
      t.is(status, 130, said);
      t.notRegex(said, /ERROR|This is a bug|installing/);
      t.false(existsSync(dirname(config)));
    }
    program('apt-get', LONG);
    const { status, said } = await talk([...ANSWERS, [/installing the package/, '\x03']]);
    t.is(status, 130, said);
    t.notRegex(said, /WARNING|This is a bug/);
    t.false(existsSync(dirname(config)));
    await until('the package manager is gone', async () => !(await isRunning('apt-get')));
  },
);

test.serial('Ctrl-C while the image is built: the head stays configured, and the next run continues there', async t => {
  if (!requireAll(t, NEEDS)) return;
  const { talk, config, folder, program, isRunning, world } = await machine(t);
  program('mmdebstrap', LONG);
  const { status, said } = await talk([...ANSWERS, [/Initializing the chroot/, ''], [/elapsed: 0:00:01/, '\x03']]);
  t.is(status, 130, said);
  t.regex(said, /Interrupted \(SIGINT\): /);
  t.notRegex(said, /ERROR|This is a bug/);
  t.like(loadConfig(config), { 'head.interface': 'boot0' });
  await until('the builder is gone', async () => !(await isRunning('mmdebstrap')));
  t.deepEqual(world.cluster.all('boot'), []);
  t.deepEqual(
    readdirSync(join(folder, '.scyldcw/workspace')).filter(name => name.startsWith('work-')),
    [],
  );
  program('mmdebstrap', 'echo "E: no network" >&2; exit 25');
  const again = await talk(ANSWERS);
  t.regex(again.said, /musterd is already running\nExecuting step: Create/);
  t.notRegex(again.said, /^wrote|ended with status 70/m, 'the configuration is there');
});

test.serial('a disk without room: for packages, for the configuration, for an image', async t => {
  if (!requireAll(t, NEEDS)) return;
  const { talk, config, folder, program, quietly, muster } = await machine(t, 'none');
  const fill = `cat /dev/zero >${folder}/small/filler 2>/dev/null; `;
  const lost = await quietly(
    `${fill}${muster('init', '--address', '10.54.0.1/24', '--config', `${folder}/small/muster.toml`)}; s=$?; ls -A ${folder}/small >&2; exit $s`,
  );
  t.is(lost.status, 6, lost.stderr);
  t.regex(lost.stderr, /no space left/);
  t.regex(lost.stderr, /^filler$/m, 'no half file is left');
  program('apt-get', 'echo "E: write failed (28: No space left on device)" >&2; exit 100');
  program('mmdebstrap', 'while [ $# -gt 2 ]; do shift; done; cat /dev/zero >"$1/filler"');
  const { status, said } = await talk(ANSWERS);
  t.regex(said, /WARNING: these packages could not be installed: .*No space left on device/);
  t.regex(said, /Install them later: apt-get .*install .*ipxe/);
  t.is(status, 6, said);
  t.regex(said, /ERROR: .*(no|No) (room|space) .*\n[\s\S]*resumes where it stopped/);
  t.like(loadConfig(config), { 'head.interface': 'boot0' }, 'what was decided is kept');
});
