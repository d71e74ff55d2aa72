// add-boot-config with an image whose dracut does what the test says; and what becomes of its steps when they are broken off.
import { chmodSync, chownSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { requireAll } from '../support/require.ts';
import { TestDaemon } from './daemon.ts';
import { kernelFile } from './files.ts';

let daemon: TestDaemon;
test.before(async () => {
  daemon = await TestDaemon.start();
});
test.after.always(async () => daemon?.stop());

test.serial('a boot config whose initramfs cannot be made is not left behind', async t => {
  if (!requireAll(t, { root: true, programs: ['mksquashfs', 'unsquashfs'] })) return;
  mkdirSync(join(daemon.folder, 'root', 'etc'), { recursive: true });
  writeFileSync(join(daemon.folder, 'root', 'etc', 'hostname'), 'node\n');
  const made = await daemon.shell(
    'mksquashfs root bare.squashfs -quiet -no-progress && muster image create name=Bare content=@bare.squashfs',
  );
  t.is(made.status, 0, made.stderr);

  const shown = await daemon.run(
    'scyld-add-boot-config',
    '--image',
    'Bare',
    '--boot-config',
    'BareBoot',
    '--show-steps',
    '--dry-run',
  );
  t.is(
    shown.stdout,
    'muster boot create name=BareBoot image=Bare cmdline=enforcing=0\nmuster mkramfs --update BareBoot\nDry run: nothing was changed.\n',
    shown.stderr,
  );
  const defaults = await daemon.shell('muster add-boot-config --make-defaults --image Bare --dry-run');
  t.regex(defaults.stdout, /^muster boot create name=DefaultBoot image=Bare cmdline=enforcing=0$/m);
  t.regex(defaults.stdout, /^muster attrib -i \w+ set _boot_config=DefaultBoot$/m);
  t.notRegex(defaults.stdout, /modimg/, 'the image is there');
  const nowhere = await daemon.shell('muster add-boot-config --make-defaults --image Nowhere --dry-run');
  t.is(nowhere.status, 4, nowhere.stderr);
  t.regex(nowhere.stderr, /No image found for ID=Nowhere/);
  const failed = await daemon.run('scyld-add-boot-config', '--image', 'Bare', '--boot-config', 'BareBoot');
  t.is(failed.status, 8, failed.stderr);
  t.is(failed.stdout, 'created BareBoot\ndeleted BareBoot\n');
  t.is((await daemon.run('muster', 'boot', 'ls', '-q')).stdout, '');
});

const KVER = '6.1.0-9-amd64';
const PROGRAMS =
  'dracut cpio gzip cp stat sha256sum find grep mount switch_root setsid modprobe udevadm sh ls cat rm seq';
const MADE = 'sh -c "echo initramfs >/var/tmp/muster-ramfs/initramfs.img"';

/** An image with the names that mkramfs asks for, and this dracut. */
async function makeImage(t: ExecutionContext, name: string, dracut: string): Promise<boolean> {
  t.timeout(120_000);
  const programs = ['mksquashfs', 'unsquashfs', 'unshare', 'setpriv', 'bash', 'sudo'];
  if (!requireAll(t, { root: true, programs, files: ['/bin/busybox'] })) return false;
  const tree = join(daemon.folder, name);
  for (const folder of ['usr/bin', 'etc', 'boot', `usr/lib/modules/${KVER}`])
    mkdirSync(join(tree, folder), { recursive: true });
  const made = await daemon.shell(
    `cp /bin/busybox ${name}/usr/bin/ && for n in ${PROGRAMS}; do ln -s busybox ${name}/usr/bin/$n; done; ln -s usr/bin ${name}/bin; ln -s usr/lib ${name}/lib`,
  );
  t.is(made.status, 0, made.stderr);
  const modules = ['squashfs', 'overlay', 'loop', 'drivers/net/virtio_net'].map(module => `kernel/${module}.ko:\n`);
  writeFileSync(join(tree, `usr/lib/modules/${KVER}/modules.dep`), modules.join(''));
  writeFileSync(join(tree, `boot/vmlinuz-${KVER}`), kernelFile(KVER));
  await daemon.shell(`rm ${name}/usr/bin/dracut`);
  writeFileSync(join(tree, 'usr/bin/dracut'), `#!/bin/sh\n${dracut}\n`, { mode: 0o755 });
  const sent = await daemon.shell(`muster modimg --import ${name} --set-name ${name} --upload`);
  t.is(sent.status, 0, sent.stderr);
  return true;
}

test.serial(
  'an administrator who is not root makes a boot config: sudo for the step that needs it, and no more',
  async t => {
    if (!(await makeImage(t, 'Good', MADE))) return;
    const home = join(daemon.folder, 'home');
    mkdirSync(home);
    chownSync(home, 65_534, 65_534);
    chmodSync(daemon.folder, 0o755);
    chmodSync(daemon.socket, 0o666);
    const asNobody = async (rule: string, line: string) => {
      const sudoers = join(daemon.folder, 'sudoers');
      writeFileSync(sudoers, `root ALL=(ALL) ALL\n${rule}`);
      chmodSync(sudoers, 0o440);
      // In a mount namespace, so that this machine's own sudoers stay as they are.
      return daemon.shell(
        `unshare --mount sh -c 'mount --bind ${sudoers} /etc/sudoers && exec setpriv --reuid=65534 --regid=65534 --clear-groups env HOME=${home} ${line}' </dev/null`,
      );
    };
    const line = 'scyld-add-boot-config --image Good --boot-config GoodBoot';
    const refused = await asNobody('', line);
    t.is(refused.status, 7, refused.stderr);
    t.regex(refused.stderr, /ERROR: mkramfs unpacks an image .*, and sudo refused that/);
    t.is(refused.stdout, 'created GoodBoot\ndeleted GoodBoot\n');
    const made = await asNobody('nobody ALL=(ALL) NOPASSWD: ALL\n', line);
    t.is(made.status, 0, made.stderr);
    t.regex(made.stdout, /^created GoodBoot\nGoodBoot: kernel: none -> \w+\nGoodBoot: initramfs: none -> \w+\n/);
    const log = JSON.parse((await daemon.shell('muster log --limit 2 --json')).stdout) as { who: string }[];
    for (const { who } of log) t.regex(who, /nobody/);
  },
);

test.serial('Ctrl-C while dracut runs: no boot config, no files, and the status says so', async t => {
  if (!(await makeImage(t, 'Slow', 'exec busybox sleep 1000'))) return;
  const at = { mark: /Running dracut/, signal: 'SIGINT' } as const;
  const words = ['--image', 'Slow', '--boot-config', 'SlowBoot'];
  const { status, said } = await daemon.signalled(at, 'scyld-add-boot-config', ...words);
  t.is(status, 130, said);
  t.regex(said, /deleted SlowBoot\nInterrupted \(SIGINT\): the boot config SlowBoot is unchanged\.\n$/);
  t.notRegex(said, /ERROR/);
  const workspace = join(daemon.folder, '.scyldcw', 'workspace');
  t.deepEqual(
    readdirSync(workspace).filter(name => name.startsWith('work-')),
    [],
  );
});

test.serial('work continues when nobody reads its output; output to a full disk is a failure', async t => {
  if (!(await makeImage(t, 'Loud', MADE))) return;
  const work = (name: string): string => `muster modimg -i Loud --execute 'seq 1 20000' --set-name ${name}`;
  const isKept = async (name: string): Promise<boolean> =>
    (await daemon.shell('muster modimg ls')).stdout.includes(` ${name}: `);
  const status = 'exit $PIPESTATUS';
  t.is((await daemon.shell(`${work('One')} 2>&1 | head -n 1; ${status}`)).status, 0);
  t.true(await isKept('One'));
  const steps = 'muster add-boot-config --image Loud --boot-config LoudBoot --show-steps';
  t.is((await daemon.shell(`${steps} | true; ${status}`)).status, 0);
  const made = (await daemon.shell('muster boot -i LoudBoot ls -l')).stdout;
  t.regex(made, /initramfs\n/);
  const dry = await daemon.shell('muster mkramfs --update LoudBoot --dry-run');
  t.regex(dry.stdout, /^LoudBoot: would build kernel and initramfs from the image Loud, for .*\nDry run/);
  t.is((await daemon.shell('muster boot -i LoudBoot ls --json')).stdout.match(/"revision": 2/g)?.length, 1);
  const full = await daemon.shell('muster modimg ls >/dev/full');
  t.is(full.status, 6);
  t.regex(full.stderr, /^ERROR: standard output cannot be written: ENOSPC.*\n$/);
  t.is((await daemon.shell(`${work('Two')} >/dev/full`)).status, 6);
  t.true(await isKept('Two'));
});
