// `muster node exec` and `ssh` against a real sshd: a namespace in which the addresses of some nodes answer, and of one nothing does.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Namespace, openNamespace } from '../../lab/namespace.ts';
import type { LabProcess } from '../../lab/process.ts';
import { type Output, TestDaemon } from '../cli/daemon.ts';
import { requireAll } from '../support/require.ts';
import { SSHD_NEEDS, startSshd } from './sshd.ts';

const NEEDS = { root: true, programs: SSHD_NEEDS };

let parts: { daemon: TestDaemon; namespace: Namespace; sshd: LabProcess } | undefined;
test.after.always(async () => {
  await parts?.daemon.stop();
  await parts?.sshd.stop();
  await parts?.namespace.close();
});

/** n0 to n3 have the addresses 127.0.0.100 to 103; sshd answers at the first three. */
async function start(t: ExecutionContext): Promise<TestDaemon | undefined> {
  if (!requireAll(t, NEEDS)) return undefined;
  if (parts) return parts.daemon;
  const namespace = await openNamespace();
  await namespace.run(['ip', 'link', 'set', 'lo', 'up']);
  const daemon = await TestDaemon.start([], namespace.command);
  for (let index = 0; index < 4; index += 1)
    await daemon.run('muster', 'node', 'create', `mac=08:00:27:00:00:0${index}`);
  const { stdout: key } = await daemon.run('muster', 'node', 'ssh', '--public-key');
  writeFileSync(join(daemon.folder, 'authorized_keys'), key);
  const addresses = ['127.0.0.100', '127.0.0.101', '127.0.0.102'];
  const sshd = await startSshd(daemon.folder, namespace, {
    password: 'unused',
    addresses,
    environment: [`PACK_NODE_ROOT=${join(daemon.folder, 'node')}`],
  });
  parts = { daemon, namespace, sshd };
  return daemon;
}

const exec = async (daemon: TestDaemon, ids: string, ...words: string[]): Promise<Output> =>
  daemon.run('muster', 'node', '-i', ids, 'exec', ...words);

test.serial('the same output of several nodes is printed once; lines and statuses are collected', async t => {
  const daemon = await start(t);
  if (!daemon) return;
  t.deepEqual(await exec(daemon, 'n[0-2]', '--', 'echo one; echo two'), {
    status: 0,
    stdout: 'n[0-2]: one\nn[0-2]: two\n',
    stderr: '',
  });
  const address = 'echo "$SSH_CONNECTION" | cut -d" " -f3';
  const differs = await exec(daemon, 'n[0-1]', address);
  t.deepEqual(differs.stdout.trim().split('\n').sort(), ['n0: 127.0.0.100', 'n1: 127.0.0.101']);
  const some = await exec(daemon, 'n[0-2]', `test "$(${address})" != 127.0.0.101 || { echo no >&2; exit 3; }`);
  t.is(some.status, 3);
  t.is(some.stdout, '');
  t.is(some.stderr, 'n1: no\nn1: exit status 3\n');
  const json = JSON.parse((await exec(daemon, 'n0', '--json', '--', 'echo out; echo err >&2; exit 7')).stdout);
  t.deepEqual(json, [{ name: 'n0', status: 7, stdout: 'out\n', stderr: 'err\n' }]);
});

test.serial('words are joined as ssh does it, and options after the command belong to the command', async t => {
  const daemon = await start(t);
  if (!daemon) return;
  const out = async (...words: string[]) => (await exec(daemon, 'n0', ...words)).stdout;
  t.is(await out('echo', '$((1+2))'), 'n0: 3\n');
  t.is(await out('sh', '-c', 'echo "$0 and $1"', 'a', 'b c'), 'n0: a and b c\n');
  t.is(await out('--', 'echo', `"it's"`), "n0: it's\n");
  t.is(await out('--fanout', '1', 'ls', '-d', '--', '/'), 'n0: /\n');
  t.is((await exec(daemon, 'n0', 'exit 42')).status, 42);
});

test.serial('standard input reaches every node; without --stdin there is none', async t => {
  const daemon = await start(t);
  if (!daemon) return;
  t.is((await exec(daemon, 'n[0-2]', '--stdin', 'a text', '--', 'cat; echo')).stdout, 'n[0-2]: a text\n');
  writeFileSync(join(daemon.folder, 'bytes'), Buffer.from([0, 1, 255, 10]));
  t.is(
    (await exec(daemon, 'n[0-2]', `--stdin=@${join(daemon.folder, 'bytes')}`, '--', 'od -An -tx1')).stdout,
    'n[0-2]:  00 01 ff 0a\n',
  );
  const piped = await daemon.feed('piped\n', 'muster', 'node', '-i', 'n0', 'exec', '--stdin=@-', 'cat');
  t.is(piped.stdout, 'n0: piped\n');
  t.is((await daemon.feed('not taken', 'muster', 'node', '-i', 'n0', 'exec', 'cat')).stdout, '');
  const { stdout } = await daemon.run('muster', 'log');
  t.notRegex(stdout, /a text/, 'standard input stands in no audit trail');
  t.regex(stdout, /node -i 'n\[0-2\]' exec|node -i n\[0-2\] exec/);
});

test.serial('an unreachable node is reported next to the others; time-outs end the command', async t => {
  const daemon = await start(t);
  if (!daemon) return;
  const { status, stdout, stderr } = await exec(daemon, 'n[0-3]', 'echo here');
  // First what explains the others, when a node said something of its own
  t.is(stderr, 'n3: ssh: port 22: Connection refused\n');
  t.is(stdout, 'n[0-2]: here\n');
  t.is(status, 255);
  const slow = await exec(daemon, 'n[0-1]', '--timeout', '15', '--live', 'echo begun; sleep 300');
  t.is(slow.status, 255);
  t.deepEqual(slow.stdout.trim().split('\n').sort(), ['n0: begun', 'n1: begun']);
  t.regex(slow.stderr, /^n0: not done in 15 s, and ended$/m);
  t.is((await exec(daemon, 'n0', '--dry-run', 'true')).status, 2);
  t.regex((await daemon.run('muster', 'node', 'exec', 'true')).stderr, /'exec' needs a selection/);
});

test.serial("`ssh` logs in with the head's key, which nobody else can read", async t => {
  const daemon = await start(t);
  if (!daemon || !parts) return;
  // As on a head, the command line runs where the nodes can be reached.
  const { namespace } = parts;
  const within = async (...words: string[]) => {
    const [program = '', ...rest] = namespace.command(['muster', 'node', 'ssh', ...words]);
    return daemon.run(program, ...rest);
  };
  const { status, stdout } = await within('n2', 'echo', '"$SSH_CONNECTION"');
  t.is(status, 0);
  t.regex(stdout, / 127\.0\.0\.102 22\n$/);
  t.is((await within('n2', 'exit 5')).status, 5);
  t.is((await within('n9')).status, 4);
  const modes = await daemon.shell(`cd ${daemon.folder}/state && stat -c '%a %n' ssh ssh/id_ed25519 ssh/askpass`);
  t.is(modes.stdout, '700 ssh\n600 ssh/id_ed25519\n700 ssh/askpass\n');
});

test.serial(
  "capture goes through the head: the caller has no key, and cannot even reach the node's network",
  async t => {
    const daemon = await start(t);
    if (!daemon || !requireAll(t, { programs: ['mksquashfs', 'unsquashfs', 'flock', 'tar'] })) return;
    t.timeout(300_000);
    mkdirSync(join(daemon.folder, 'node/root'), { recursive: true });
    writeFileSync(join(daemon.folder, 'node/root/file'), 'kept\n');
    const made = await daemon.run('scyld-modimg', '--capture', 'n0', '--set-name', 'Captured');
    t.is(made.status, 0, made.stderr);
    t.regex(made.stderr, /Capturing node n0\n {2}elapsed: .*\n {2}\d+\.\d KiB received\n/);
    const [image] = JSON.parse((await daemon.run('muster', 'image', '-i', 'Captured', 'ls', '--json')).stdout);
    const file = join(daemon.folder, '.scyldcw/workspace', image.uid);
    t.is((await daemon.shell(`unsquashfs -q -n -o 1048576 -cat ${file} root/file`)).stdout, 'kept\n');
    t.regex((await daemon.run('muster', 'log', '--node', 'n0')).stdout, /modimg --capture n0/);
    // Nothing answers at the last one; the head's own words are told.
    const refused = await daemon.run('scyld-modimg', '--capture', 'n3', '--set-name', 'Never');
    t.is(refused.status, 8);
    t.regex(
      refused.stderr,
      /ERROR: The node n3 could not be captured: .*Connection refused.*\nThe head must reach it by ssh/,
    );
    t.is((await daemon.run('muster', 'image', '-i', 'Never', 'ls')).status, 4);
  },
);
