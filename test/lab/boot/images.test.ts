// From nothing to nodes that boot: a Debian image by apt, changed, booted in both RAM styles, captured from a running node, booted again.
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Lab } from '../../../src/lab/lab.ts';
import { labRecipe, MARK_FILE } from '../../../src/lab/recipe.ts';
import { type RunResult, runOk } from '../../../src/process/run.ts';
import { withLab } from '../../support/lab.ts';
import { requireAll } from '../../support/require.ts';
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

/** `add-boot-config --make-defaults` in a cluster whose defaults were deleted as the specification says. */
async function makeDefaults(t: ExecutionContext, lab: Lab): Promise<void> {
  const { suite, mirror } = labRecipe();
  await type(t, lab, 'repo', 'create', 'name=debian', `urls=${mirror || 'http://deb.debian.org/debian'}`);
  await type(t, lab, 'distro', 'create', 'name=Debian', `release=${suite}`, 'repos=debian');
  await type(t, lab, 'cluster', '--set-distro', 'Debian');
  await type(t, lab, 'attribctl', '-i', 'DefaultAttribs', 'rm');
  await type(t, lab, 'bootctl', '-i', 'DefaultBoot', 'rm');
  await type(t, lab, 'imgctl', '-i', 'DefaultImage', 'rm');
  const made = await type(
    t,
    lab,
    'add-boot-config',
    '--make-defaults',
    '--install',
    'linux-image-cloud-amd64',
    '--show-steps',
  );
  t.is(
    made.stdout.split('\n').slice(0, 6).join('\n'),
    `muster modimg --create --set-name DefaultImage --install linux-image-cloud-amd64 --overwrite --upload
muster boot create name=DefaultBoot image=DefaultImage cmdline=enforcing=0
muster mkramfs --update DefaultBoot
muster attrib create name=DefaultAttribs
muster cluster update default_group=DefaultAttribs
muster attrib -i DefaultAttribs set _boot_config=DefaultBoot`,
  );
  const again = await lab.muster('add-boot-config', '--make-defaults');
  t.is(again.status, 5);
  t.regex(again.stderr, /There is a boot config DefaultBoot already/);
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
  const [shown] = await lab.client.call<{ uid: string }[]>('GET', '/api/v1/nodes', { id: node.name });
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
      await makeDefaults(t, lab);
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
