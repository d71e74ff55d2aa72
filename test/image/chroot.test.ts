// Programs inside an image: what they see, what stays, and what links in the image cannot do.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { inImage } from '../../src/image/chroot.ts';
import { removeIdentity } from '../../src/image/identity.ts';
import { isNoexec } from '../../src/image/noexec.ts';
import { packageRoot } from '../../src/package-root.ts';
import { run } from '../../src/process/run.ts';
import { requireAll } from '../support/require.ts';

const NEEDS = { root: true, programs: ['unshare', 'setpriv', 'chroot'], files: ['/bin/busybox'] };

/** One busybox, with uname a file of its own. */
function tree(t: ExecutionContext): string {
  const root = mkdtempSync(join(tmpdir(), 'muster-tree-'));
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  for (const name of ['usr/bin', 'usr/sbin', 'etc']) mkdirSync(join(root, name), { recursive: true });
  for (const name of ['busybox', 'uname']) copyFileSync('/bin/busybox', join(root, 'usr/bin', name));
  symlinkSync('usr/bin', join(root, 'bin'));
  for (const name of ['sh', 'cat', 'ls', 'sleep']) symlinkSync('busybox', join(root, 'usr/bin', name));
  return root;
}

/** Of the machine and of trees of images; network namespaces are mounted by other tests at the same time. */
const mounts = (): string =>
  readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .filter(line => line.split(' ')[1]?.startsWith('/run/netns') !== true)
    .join('\n');

test.serial('the usual mounts are there, and nowhere else; the image stays as it was', async t => {
  if (!requireAll(t, NEEDS)) return;
  const root = tree(t);
  const before = mounts();
  const { status, stdout } = await inImage(root, [
    '/bin/sh',
    '-c',
    '[ -c /dev/null ] && [ -d /sys/kernel ] && [ -r /proc/self/status ] && cat /etc/resolv.conf && echo $SYSTEMD_OFFLINE',
  ]);
  t.is(status, 0);
  t.is(stdout, `${readFileSync('/etc/resolv.conf', 'utf8')}1\n`);
  t.is(mounts(), before);
  t.deepEqual(readdirSync(join(root, 'etc')), [], 'no resolv.conf is left');
  for (const name of ['proc', 'sys', 'dev', 'run']) t.deepEqual(readdirSync(join(root, name)), []);
});

test.serial('an image for another processor is named as one', async t => {
  if (!requireAll(t, NEEDS)) return;
  const root = tree(t);
  const shell = Buffer.from(readFileSync('/bin/busybox').subarray(0, 4096));
  // e_machine, of which there is no such number
  shell.writeUInt16LE(0xfeed, 18);
  rmSync(join(root, 'usr/bin/sh'));
  writeFileSync(join(root, 'usr/bin/sh'), shell, { mode: 0o755 });
  await t.throwsAsync(inImage(root, ['/bin/sh', '-c', 'true']), { message: /are for another processor/ });
});

test.serial("what root in the image does to devices and kernel settings does not reach this machine's", async t => {
  if (!requireAll(t, NEEDS)) return;
  const root = tree(t);
  for (const name of ['rm', 'chmod', 'cp']) symlinkSync('busybox', join(root, 'usr/bin', name));
  // A value that is there already is written, so that a failure of this test changes nothing.
  const script = `
    for n in null zero full random urandom tty; do [ -c /dev/$n ] || echo "no $n"; done
    echo x >/dev/null && cat </dev/null && echo seen | cat /dev/stdin && [ -e /dev/stdout ] && [ -d /dev/fd/ ] && : >/dev/shm/x && [ -c /dev/ptmx ] || echo broken
    for file in /proc/sys/kernel/core_pattern /proc/sys/vm/swappiness /sys/kernel/uevent_helper /sys/kernel/mm/ksm/run /proc/irq/default_smp_affinity; do
      if [ -e $file ] && cat $file >/run/value && (cat /run/value >$file) 2>/dev/null; then echo "$file was written"; fi
    done
    (echo >/proc/sysrq-trigger) 2>/dev/null && echo 'sysrq was written'
    ls /dev | cat
    chmod 600 /dev/zero && ! rm /dev/null 2>/dev/null && echo kept`;
  const { stdout, stderr } = await inImage(root, ['/bin/sh', '-c', script]);
  const names = 'core fd full null ptmx pts random shm stderr stdin stdout tty urandom zero';
  t.is(stdout, `seen\n${names.replaceAll(' ', '\n')}\nkept\n`, stderr);
  for (const name of ['null', 'zero']) {
    const { mode } = statSync(join('/dev', name));
    t.deepEqual([mode & 0o170000, mode & 0o777], [0o020000, 0o666], name);
  }
});

test.serial('root of a user namespace has the same mounts, also below a folder that is a link', async t => {
  if (!requireAll(t, NEEDS)) return;
  const root = tree(t);
  const link = `${root}-link`;
  symlinkSync(root, link);
  t.teardown(() => rmSync(link));
  const module = join(packageRoot, 'dist/src/image/chroot.js');
  const look =
    'echo x >/dev/null && [ -c /dev/ptmx ] && while read -r _ at _ flags _; do echo $at $flags; done </proc/mounts';
  const code = `import(${JSON.stringify(module)}).then(m => m.inImage(${JSON.stringify(link)}, ['/bin/sh', '-c', ${JSON.stringify(look)}])).then(r => { console.log(r.stdout, r.stderr); process.exitCode = r.status; })`;
  for (const words of [[], ['unshare', '--user', '--map-root-user']]) {
    const { status, stdout } = await run([...words, process.execPath][0] ?? '', [
      ...words.slice(1),
      ...(words.length ? [process.execPath] : []),
      '-e',
      code,
    ]);
    t.is(status, 0, stdout);
    const places = stdout.split('\n').filter(line => /^\/(sys|proc\/sys)/.test(line));
    t.true(places.some(line => line.startsWith('/sys ')) && places.some(line => line.startsWith('/proc/sys ')), stdout);
    t.deepEqual(
      places.filter(line => !/^\S+ ro\b/.test(line)),
      [],
    );
  }
});

test.serial('a hostile /etc/resolv.conf, /proc, /etc: nothing outside is covered or written', async t => {
  if (!requireAll(t, NEEDS)) return;
  const root = tree(t);
  const outside = join(root, '..', `${root.split('/').pop()}-outside`);
  mkdirSync(outside);
  t.teardown(() => rmSync(outside, { recursive: true }));
  writeFileSync(join(outside, 'victim'), 'as it was');
  for (const target of [join(outside, 'victim'), join(outside, 'new'), '../../../../../etc/passwd', '/run/../etc/x']) {
    rmSync(join(root, 'etc/resolv.conf'), { force: true });
    symlinkSync(target, join(root, 'etc/resolv.conf'));
    t.is((await inImage(root, ['/bin/sh', '-c', 'echo hostile >/etc/resolv.conf; true'])).status, 0);
  }
  t.deepEqual(readdirSync(outside), ['victim']);
  t.is(readFileSync(join(outside, 'victim'), 'utf8'), 'as it was');
  // systemd-resolved's link, which is right.
  rmSync(join(root, 'etc/resolv.conf'), { force: true });
  symlinkSync('../run/systemd/resolve/stub-resolv.conf', join(root, 'etc/resolv.conf'));
  t.is((await inImage(root, ['/bin/cat', '/etc/resolv.conf'])).stdout, readFileSync('/etc/resolv.conf', 'utf8'));
  rmSync(join(root, 'proc'), { recursive: true, force: true });
  symlinkSync(outside, join(root, 'proc'));
  await t.throwsAsync(inImage(root, ['/bin/true']), { code: 'bad-image', message: /\/proc is not a folder/ });
});

test.serial("what programs write to /etc/hosts and /etc/resolv.conf is the image's, never this machine's", async t => {
  if (!requireAll(t, NEEDS)) return;
  const root = tree(t);
  const head = ['/etc/hosts', '/etc/resolv.conf'].map(file => readFileSync(file, 'latin1'));
  writeFileSync(join(root, 'etc/hosts'), '127.0.0.1 localhost\n');
  const seen = await inImage(root, ['/bin/cat', '/etc/hosts']);
  t.true(seen.stdout.startsWith('127.0.0.1 localhost\n') && seen.stdout.includes(head[0] ?? ''), 'names of both');
  t.is(readFileSync(join(root, 'etc/hosts'), 'utf8'), '127.0.0.1 localhost\n');
  const line = 'echo 10.9.8.7 storage >>/etc/hosts; echo nameserver 10.9.8.1 >/etc/resolv.conf';
  t.is((await inImage(root, ['/bin/sh', '-c', line])).status, 0);
  t.is(readFileSync(join(root, 'etc/hosts'), 'utf8'), '127.0.0.1 localhost\n10.9.8.7 storage\n');
  t.is(readFileSync(join(root, 'etc/resolv.conf'), 'utf8'), 'nameserver 10.9.8.1\n');
  // A program that puts a link in the way of the folder gets nothing written through it.
  const outside = join(root, '..', `${root.split('/').pop()}-outside`);
  mkdirSync(outside);
  t.teardown(() => rmSync(outside, { recursive: true }));
  writeFileSync(join(outside, 'hosts'), 'as it was');
  symlinkSync('busybox', join(root, 'usr/bin/mv'));
  symlinkSync('busybox', join(root, 'usr/bin/ln'));
  const hostile = `echo hostile >>/etc/hosts; mv /etc /etc2 && ln -s ${outside} /etc`;
  t.is((await inImage(root, ['/bin/sh', '-c', hostile])).status, 0);
  t.is(readFileSync(join(outside, 'hosts'), 'utf8'), 'as it was');
  t.deepEqual(
    ['/etc/hosts', '/etc/resolv.conf'].map(file => readFileSync(file, 'latin1')),
    head,
  );
});

test.serial('another kernel: by uname, also where it has many names, and by /proc', async t => {
  if (!requireAll(t, NEEDS)) return;
  const root = tree(t);
  const look = 'uname -r; /usr/bin/uname -a; cat /proc/sys/kernel/osrelease /proc/version';
  // busybox's shell knows uname itself and asks no file: what is looked at are the files.
  const { stdout } = await inImage(root, ['/bin/sh', '-c', look.replace('uname -r;', '/usr/bin/uname -r;')], {
    kver: '5.14.0-1.el9',
  });
  t.regex(stdout, /^5\.14\.0-1\.el9\nLinux \S+ 5\.14\.0-1\.el9 .*\n5\.14\.0-1\.el9\nLinux version 5\.14\.0-1\.el9 /);
  rmSync(join(root, 'usr/bin/uname'));
  symlinkSync('busybox', join(root, 'usr/bin/uname'));
  const path = await inImage(root, ['/bin/sh', '-c', '/run/muster/bin/uname -r; /usr/bin/uname -r'], {
    kver: '5.14.0-1.el9',
  });
  t.is(path.stdout, '5.14.0-1.el9\n5.14.0-1.el9\n');
  t.is(readlinkSync(join(root, 'usr/bin/uname')), 'busybox');
  await t.throwsAsync(inImage(root, ['/bin/true'], { kver: "5'; rm -rf /" }), { code: 'bad-value' });
});

test.serial('a killed caller leaves no process and no mount', async t => {
  if (!requireAll(t, NEEDS)) return;
  const root = tree(t);
  const before = mounts();
  const module = join(packageRoot, 'dist/src/image/chroot.js');
  const code = `import(${JSON.stringify(module)}).then(m => m.inImage(${JSON.stringify(root)}, ['/bin/sh', '-c', 'echo up; sleep 1000 & sleep 1000'], { onLine: line => console.log(line) }))`;
  const caller = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(caller.stdout, 'data');
  t.true(inside(root).length >= 2);
  caller.kill('SIGKILL');
  await once(caller, 'exit');
  // The kernel ends them at once; to be gone from /proc takes a moment more.
  const deadline = Date.now() + 60_000;
  while (inside(root).length > 0 && Date.now() < deadline) await new Promise(resolve => setImmediate(resolve));
  t.deepEqual(inside(root), []);
  t.is(mounts(), before);
});

/** Processes whose command line or root names the tree. */
function inside(root: string): string[] {
  return readdirSync('/proc').filter(pid => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return false;
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      return words.includes(root) && !words.includes('-e\0import') && existsSync(`/proc/${pid}/exe`);
    } catch {
      return false;
    }
  });
}

test('a file system without programs is seen by the mount that covers the folder', t => {
  const line = (target: string, options: string): string =>
    `36 35 98:0 / ${target} ${options} shared:1 - ext4 /dev/x rw`;
  const mounts = [
    line('/', 'rw'),
    line('/srv', 'rw,noexec'),
    line('/srv/my\\040images', 'rw'),
    line('/opt', 'rw,noexec'),
    line('/opt', 'rw'),
  ];
  const found = ['/root', '/srv/x', '/srvx', '/srv/my images/x', '/opt/x'].map(path =>
    isNoexec(mounts.join('\n'), path),
  );
  t.deepEqual(found, [false, true, false, false, false]);
});

test('the identity of a machine is removed, and host keys are made at boot where the distribution does not', async t => {
  const root = tree(t);
  for (const name of ['etc/systemd/system', 'usr/lib/systemd/system', 'var/lib/dbus'])
    mkdirSync(join(root, name), { recursive: true });
  writeFileSync(join(root, 'etc/machine-id'), '0123456789abcdef0123456789abcdef\n');
  writeFileSync(join(root, 'etc/hostname'), 'n0\n');
  symlinkSync('/etc/machine-id', join(root, 'var/lib/dbus/machine-id'));
  writeFileSync(join(root, 'usr/lib/systemd/system/ssh.service'), '');
  await removeIdentity(root);
  t.is(readFileSync(join(root, 'etc/machine-id'), 'utf8'), '');
  t.false(existsSync(join(root, 'etc/hostname')));
  t.deepEqual(readdirSync(join(root, 'etc/systemd/system')).sort(), [
    'muster-ssh-host-keys.service',
    'ssh.service.wants',
  ]);
  await removeIdentity(root);
});
