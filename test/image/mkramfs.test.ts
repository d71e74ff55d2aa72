import { access, chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { MusterError } from '../../src/errors.ts';
import { makeInitramfs } from '../../src/image/mkramfs.ts';
import { readMark } from '../../src/wire/initramfs-mark.ts';
import { requireAll } from '../support/require.ts';

const KERNELS = ['5.14.0-70.el9', '5.14.0-362.el9'];
const PROGRAMS = 'dracut cpio gzip cp stat sha256sum find grep mount switch_root setsid modprobe udevadm'.split(' ');

/** An image tree with the names that are asked for, nothing behind them, and a dracut that does what the test says. */
async function makeTree(t: ExecutionContext, dracut: string): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'muster-tree-'));
  t.teardown(() => rm(root, { recursive: true, force: true }));
  const put = async (path: string, content: string, mode = 0o644) => {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
    await chmod(join(root, path), mode);
  };
  for (const name of PROGRAMS) await put(`usr/bin/${name}`, '', 0o755);
  await put('usr/bin/dracut', `#!/bin/sh\n${dracut}`, 0o755);
  for (const kver of KERNELS) {
    await put(
      `usr/lib/modules/${kver}/modules.dep`,
      'kernel/fs/squashfs/squashfs.ko.xz:\nkernel/drivers/block/loop.ko.xz: x\nkernel/drivers/net/virtio_net.ko.xz:\n',
    );
    await put(`usr/lib/modules/${kver}/modules.builtin`, 'kernel/fs/overlayfs/overlay.ko\n');
    await put(`boot/vmlinuz-${kver}`, 'kernel');
  }
  await mkdir(join(root, 'usr/lib/modules/6.99-leftover'));
  await put('etc/os-release', 'NAME="Rocky"\nID="rocky"\nID_LIKE="rhel centos fedora"\n');
  await put('usr/lib/dracut/modules.d/00own', '');
  await mkdir(join(root, 'var/tmp'), { recursive: true });
  await symlink('usr/lib', join(root, 'lib'));
  // Programs in the tree: one busybox.
  await copyFile('/bin/busybox', join(root, 'usr/bin/busybox'));
  await symlink('usr/bin', join(root, 'bin'));
  for (const name of ['sh', 'env', 'ls', 'cat']) await symlink('busybox', join(root, 'usr/bin', name));
  return root;
}

const NEEDS = { root: true, programs: ['unshare', 'chroot'], files: ['/bin/busybox'] };

test("dracut runs in the image for its newest kernel, with muster's module, and leaves nothing behind", async t => {
  if (!requireAll(t, NEEDS)) return;
  const root = await makeTree(
    t,
    `for last; do :; done; [ -e /proc/self/status ] && [ -c /dev/null ] || exit 9
echo "$last" "$@" "$(ls /usr/lib/dracut/modules.d/95muster/)" >/var/tmp/muster-ramfs/initramfs.img`,
  );
  const outDir = await mkdtemp(join(tmpdir(), 'muster-out-'));
  t.teardown(() => rm(outDir, { recursive: true }));
  const steps: string[] = [];
  const made = await makeInitramfs({ root, outDir, onStep: step => steps.push(step) });
  t.deepEqual(made, {
    kver: '5.14.0-362.el9',
    kernel: join(root, 'boot/vmlinuz-5.14.0-362.el9'),
    initramfs: join(outDir, 'initramfs-5.14.0-362.el9.img'),
  });
  const said = await readFile(made.initramfs, 'utf8');
  for (const word of [
    '5.14.0-362.el9 --force',
    '--no-hostonly',
    'muster',
    'module-setup.sh',
    'mount_rootfs',
    'busybox',
  ]) {
    t.true(said.includes(word), `${word} in ${said}`);
  }
  const markOf = async () => readMark(await readFile(made.initramfs));
  t.deepEqual(await markOf(), { level: 1, tls: false });
  t.deepEqual(await readdir(outDir), ['initramfs-5.14.0-362.el9.img']);
  t.is(steps.length, 2);
  t.deepEqual(await readdir(join(root, 'usr/lib/dracut/modules.d')), ['00own']);
  t.deepEqual(await readdir(join(root, 'var/tmp')), []);
  t.is((await makeInitramfs({ root, outDir, kver: '5.14.0-70.el9' })).kver, '5.14.0-70.el9');
  await writeFile(join(root, 'usr/bin/openssl'), '');
  await makeInitramfs({ root, outDir });
  t.deepEqual(await markOf(), { level: 1, tls: true });
  await rm(made.initramfs);
  await mkdir(made.initramfs);
  await t.throwsAsync(makeInitramfs({ root, outDir }), { message: /is no regular file/ });
  t.deepEqual(
    (await readdir(outDir)).filter(name => !name.endsWith('.img')),
    [],
    'nothing is left of one that could not be written',
  );
});

test('a dracut that fails, also one that says so and ends with 0, is tool-failed with its words', async t => {
  if (!requireAll(t, NEEDS)) return;
  for (const [script, words] of [
    ['echo "disk quota exceeded" >&2; exit 1', /status 1: disk quota exceeded/],
    [
      'echo "dracut[E]: muster: the image lacks the command \'ip\'" >&2; : >/var/tmp/muster-ramfs/initramfs.img',
      /lacks the command 'ip'/,
    ],
  ] as const) {
    const root = await makeTree(t, script);
    const error = await t.throwsAsync(makeInitramfs({ root }), { instanceOf: MusterError, code: 'tool-failed' });
    t.regex(error?.message ?? '', words);
    t.deepEqual(await readdir(join(root, 'usr/lib/dracut/modules.d')), ['00own']);
  }
});

test('missing parts of an image are named, with the command that installs them', async t => {
  if (!requireAll(t, { files: ['/bin/busybox'] })) return;
  const root = await makeTree(t, 'exit 1');
  const lacks = async (message: RegExp, kver?: string) => {
    const error = await t.throwsAsync(makeInitramfs({ root, ...(kver ? { kver } : {}) }), {
      code: 'image-lacks',
    } as object);
    t.regex((error as Error).message, message);
  };
  await lacks(
    /no modules for kernel 4\.18\.0 below \/lib\/modules; it has: 5\.14\.0-362\.el9, 5\.14\.0-70\.el9\./,
    '4.18.0',
  );
  await rm(join(root, 'usr/lib/modules/5.14.0-362.el9/modules.builtin'));
  await lacks(/kernel 5\.14\.0-362\.el9 lacks modules \(overlay\): .*dnf install kernel-modules-5\.14\.0-362\.el9/);
  await writeFile(join(root, 'usr/lib/modules/5.14.0-362.el9/modules.dep'), 'kernel/fs/squashfs/squashfs.ko:\n');
  await lacks(/lacks modules \(overlay, loop, any network driver\): /);
  for (const name of ['dracut', 'modprobe']) await rm(join(root, 'usr/bin', name));
  await lacks(/lacks 'dracut', 'modprobe': install it in the image with 'dnf install dracut kmod'/);
  await writeFile(join(root, 'etc/os-release'), 'ID=debian\n');
  await lacks(/'apt-get install dracut-core kmod'/);
  await rm(join(root, 'boot'), { recursive: true });
  await lacks(/\/boot\/vmlinuz-5\.14\.0-362\.el9 and .* are missing/);
  await rm(join(root, 'usr/lib/modules'), { recursive: true });
  await lacks(/The image has no kernel: install one/);
  await t.throwsAsync(access(join(root, 'usr/lib/dracut/modules.d/95muster')));
});

test("folders of the image that are links lead to nothing of this machine's", async t => {
  if (!requireAll(t, NEEDS)) return;
  const outside = await mkdtemp(join(tmpdir(), 'muster-outside-'));
  t.teardown(() => rm(outside, { recursive: true, force: true }));
  for (const name of ['95muster', 'muster-ramfs']) {
    await mkdir(join(outside, name));
    await writeFile(join(outside, name, 'mine'), 'precious');
  }
  const changes = ['usr/lib/dracut/modules.d', 'var/tmp', 'usr/lib/dracut/modules.d/95muster', 'var/tmp/muster-ramfs'];
  for (const path of changes) {
    const root = await makeTree(t, 'exit 3');
    await rm(join(root, path), { recursive: true, force: true });
    const name = path.split('/').at(-1) ?? '';
    await symlink(name.includes('muster') ? join(outside, name) : outside, join(root, path));
    await t.throwsAsync(makeInitramfs({ root }), { instanceOf: MusterError }, path);
    for (const folder of ['95muster', 'muster-ramfs'])
      t.is(await readFile(join(outside, folder, 'mine'), 'utf8'), 'precious', `${path}: ${folder}`);
    t.deepEqual((await readdir(outside)).sort(), ['95muster', 'muster-ramfs']);
  }
});

test('an initramfs that is a link is refused', async t => {
  if (!requireAll(t, NEEDS)) return;
  const root = await makeTree(t, 'ln -s /etc/passwd /var/tmp/muster-ramfs/initramfs.img');
  await symlink('busybox', join(root, 'usr/bin/ln'));
  await t.throwsAsync(makeInitramfs({ root }), { code: 'bad-image', message: /not a regular file/ });
});
