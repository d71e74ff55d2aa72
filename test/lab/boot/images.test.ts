// From nothing to nodes that boot: `muster install` with a Debian image by apt, changed, booted in both RAM styles, captured from a running node, booted again.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { COMMAND } from '../../../lab/cluster.ts';
import type { Lab } from '../../../lab/lab.ts';
import { HEAD } from '../../../lab/network.ts';
import { labRecipe, MARK_FILE } from '../../../lab/recipe.ts';
import { OBJECTS } from '../../../src/api/objects.ts';
import { type RunResult, runOk } from '../../../src/process/run.ts';
import { withLab } from '../../support/lab.ts';
import { type MirrorProxy, startMirrorProxy } from '../../support/mirror-proxy.ts';
import { requireAll } from '../../support/require.ts';
import { until } from '../../support/until.ts';
import { runInside } from '../console.ts';

const CMDLINE = 'console=ttyS0,115200 quiet norandmaps';

/** A command of the administrator; one that fails ends the test with its words. */
async function type(t: ExecutionContext, lab: Lab, ...words: string[]): Promise<RunResult> {
  const result = await lab.muster(...words);
  if (result.status !== 0) throw new Error(`muster ${words.join(' ')}\n${result.stdout}${result.stderr}`);
  t.log(`muster ${words.join(' ')}: done`);
  return result;
}

/** What makes an emulated node start quickly and its console open, as a folder to copy in; and a key by which it is reached. */
async function overlay(folder: string): Promise<{ tree: string; key: string }> {
  const tree = join(folder, 'overlay');
  const { files, links } = labRecipe();
  for (const [path, content] of Object.entries(files)) {
    if (path === '/etc/hostname') continue;
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), content);
  }
  for (const [path, target] of Object.entries(links)) {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    symlinkSync(target, join(tree, path));
  }
  const key = join(folder, 'key');
  await runOk('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
  writeFileSync(join(tree, 'etc', 'key.pub'), readFileSync(`${key}.pub`));
  return { tree, key };
}

/** `muster install` in the network of the lab's head, as a process that a signal can end; its own /var/log takes musterd's log. */
function startInstall(lab: Lab, proxy: MirrorProxy): { child: ChildProcess; ended: Promise<RunResult> } {
  const config = join(lab.folder, 'muster.toml');
  const install = ['install', '--interface', HEAD.interface, '--config', config, '--socket', lab.socket];
  const own =
    'mount -t tmpfs tmpfs /var/log && { [ ! -d /run/systemd ] || mount -t tmpfs tmpfs /run/systemd; } && exec "$@"';
  const words = ['unshare', '--mount', 'sh', '-c', own, 'sh', process.execPath, COMMAND, ...install];
  const [program = '', ...args] = lab.namespace.command(words);
  const child = spawn(program, args, {
    env: { ...process.env, http_proxy: proxy.url },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => {
      said[name] += text;
    });
  const ended = once(child, 'exit').then(([code, signal]) => ({ status: code ?? (signal ? 128 : -1), ...said }));
  return { child, ended };
}

/** An empty head becomes one that boots nodes: first its mirror does not answer, then it is interrupted, then it ends well. */
async function installHead(t: ExecutionContext, lab: Lab): Promise<void> {
  await lab.head.stop();
  rmSync(lab.head.state, { recursive: true });
  const proxy = await startMirrorProxy(t, lab.namespace, { folder: lab.folder, address: HEAD.address });
  proxy.reaches = false;
  const alone = await startInstall(lab, proxy).ended;
  const daemon = Number(/^started musterd as process (\d+)/m.exec(alone.stderr + alone.stdout)?.[1]);
  t.teardown(() => process.kill(daemon, 'SIGTERM'));
  t.is(alone.status, 0, alone.stderr);
  t.regex(alone.stdout, /The repo Debian_main cannot be read.*502[\s\S]*^ {2}muster add-boot-config --make-defaults$/m);

  proxy.reaches = true;
  const cut = startInstall(lab, proxy);
  await until('packages are on their way', async () => (proxy.sent > 20 ? true : undefined), { milliseconds: 300_000 });
  cut.child.kill('SIGINT');
  t.is((await cut.ended).status, 130, (await cut.ended).stderr);
  t.deepEqual(await lab.client.call(OBJECTS.list, { kind: 'boot' }), []);

  const whole = await startInstall(lab, proxy).ended;
  t.is(whole.status, 0, whole.stderr);
  t.regex(whole.stdout, /DefaultBoot is complete: every node boots it/);
  const again = await startInstall(lab, proxy).ended;
  t.regex(again.stdout, /^Nothing to change\.$/m);
  t.regex((await type(t, lab, 'distro', 'ls', '-l')).stdout, /package_manager: apt/);
  t.like((await lab.client.call(OBJECTS.list, { kind: 'attrib' }))[0], {
    attributes: { _boot_config: 'DefaultBoot' },
  });
  for (const { index, mac } of lab.nodes) await type(t, lab, 'node', 'create', `index=${index}`, `mac=${mac}`);
}

/** Changed by every means: a folder copied in, a package, a command, a shell with a script. */
async function changeImage(t: ExecutionContext, lab: Lab, tree: string): Promise<void> {
  const script = 'install -d -m 700 /root/.ssh && mv /etc/key.pub /root/.ssh/authorized_keys && uname -r >/root/kernel';
  const changed = await type(
    t,
    lab,
    ...['modimg', '-i', 'DefaultImage', '--copyin', `${tree}/etc`, '/', '--install', 'libcap2-bin'],
    ...['--execute', script, '--execute', 'cp /bin/ls /root/ls && setcap cap_net_raw+ep /root/ls'],
    ...['--compress', 'lz4', '--upload', '--overwrite'],
  );
  t.regex(changed.stderr, /Executing step: Copyin[\s\S]*Executing step: Install[\s\S]*Executing step: Execute/);
  const query = await type(t, lab, 'modimg', '-i', 'DefaultImage', '--query', 'libcap2-bin');
  t.regex(query.stdout, /^libcap2-bin \S+ amd64\n$/);
  await type(t, lab, 'boot', '-i', 'DefaultBoot', 'update', `cmdline=${CMDLINE}`);
}

async function rootIs(t: ExecutionContext, lab: Lab, index: number, kind: string): Promise<void> {
  const { output } = await runInside(
    lab.node(index),
    'awk \'$2 == "/" { kind = $3 } END { print kind }\' /proc/mounts',
  );
  t.is(output.trim(), kind);
}

/** What an image of a node must not have of the node, and must have of the image. */
async function isOfItsOwn(t: ExecutionContext, lab: Lab, index: number): Promise<void> {
  const node = lab.node(index);
  t.is((await runInside(node, `cat ${MARK_FILE}`)).status, 0);
  t.regex((await runInside(node, 'getcap /root/ls')).output, /cap_net_raw=ep/);
  const kernel = (await runInside(node, 'cat /root/kernel; uname -r')).output.trim().split('\n');
  t.is(kernel[0], kernel[1], 'in the image, uname said the kernel that the nodes run');
  t.is((await runInside(node, 'cat /etc/hostname')).output.trim(), node.name);
  const [shown] = await lab.client.call(OBJECTS.list, { kind: 'node', query: { id: node.name } });
  t.is(
    (await runInside(node, 'cat /etc/machine-id')).output.trim(),
    shown?.uid ?? 'none',
    'each node has a machine id of its own',
  );
}

test.serial(
  'an image made from nothing boots in both RAM styles; captured from a running node, it boots again',
  async t => {
    if (!requireAll(t, { programs: ['ssh', 'ssh-keygen', 'setcap'] })) return;
    await withLab(t, { nodes: 3, memory: 2048 }, async lab => {
      const home = join(lab.folder, 'home');
      mkdirSync(join(home, '.scyldcw'), { recursive: true });
      process.env['HOME'] = home;
      const { tree, key } = await overlay(lab.folder);
      await installHead(t, lab);
      await changeImage(t, lab, tree);
      await type(t, lab, 'node', '-i', 'n0', 'set', '_boot_style=rwram');
      await type(t, lab, 'node', '-i', 'n1', 'set', '_boot_style=roram');
      await Promise.all([lab.bootUp(0), lab.bootUp(1)]);
      await rootIs(t, lab, 0, 'tmpfs');
      await rootIs(t, lab, 1, 'overlay');
      for (const index of [0, 1]) await isOfItsOwn(t, lab, index);
      await lab.node(1).powerOff();

      // Something is changed on the node; what is mounted elsewhere, and what is the node's own, does not come along.
      await runInside(
        lab.node(),
        'echo captured >/root/changed; mkdir /mnt/other; mount -t tmpfs other /mnt/other; echo x >/mnt/other/x; echo x >/tmp/x',
      );
      t.is((await runInside(lab.node(), 'systemctl start ssh')).status, 0, 'the host keys are made first');
      const ssh = lab.namespace.command(['ssh', '-o', 'ConnectTimeout=120']).join(' ');
      writeFileSync(join(home, '.scyldcw', 'settings.ini'), `[ssh]\ncommand = ${ssh}\nkey = ${key}\n`);
      const captured = await type(t, lab, 'modimg', '--capture', 'n0', '--set-name', 'Captured', '--compress', 'lz4');
      t.is(captured.stdout, 'created Captured\n');
      await type(t, lab, 'add-boot-config', '--image', 'Captured', '--boot-config', 'CapturedBoot');
      await type(t, lab, 'boot', '-i', 'CapturedBoot', 'update', `cmdline=${CMDLINE}`);
      // A third node: its console has nothing of an earlier boot.
      await type(t, lab, 'node', '-i', 'n2', 'set', '_boot_config=CapturedBoot');
      await lab.node(0).powerOff();
      await lab.bootUp(2);
      const { output } = await runInside(lab.node(2), 'cat /root/changed; ls /mnt/other /tmp/x');
      t.regex(output, /^captured\n/);
      t.regex(output, /cannot access '\/tmp\/x'/);
      t.notRegex(output, /^x$/m);
      await isOfItsOwn(t, lab, 2);
    });
  },
);
