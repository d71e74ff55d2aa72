// What root inside an image tries to do to this machine, by busybox and by system calls from perl: nothing has an effect outside.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type ChrootOptions, inImage } from '../../src/image/chroot.ts';
import { findProgram, requireAll } from '../support/require.ts';

const NEEDS = {
  root: true,
  programs: ['unshare', 'setpriv', 'chroot', 'perl', 'ldd', 'losetup'],
  files: ['/bin/busybox'],
};

/** Numbers of system calls (asm/unistd.h), by Node's word for the machine. */
const CALLS: Record<string, Record<string, number>> = {
  x64: {
    setns: 308,
    ptrace: 101,
    init_module: 175,
    unshare: 272,
    mount: 165,
    umount2: 166,
    open_by_handle_at: 304,
    reboot: 169,
    bpf: 321,
  },
  arm64: {
    setns: 268,
    ptrace: 117,
    init_module: 105,
    unshare: 97,
    mount: 40,
    umount2: 39,
    open_by_handle_at: 265,
    reboot: 142,
    bpf: 280,
  },
};

/** busybox under all its names, and this machine's perl. */
function tree(t: ExecutionContext): string {
  const root = mkdtempSync(join(tmpdir(), 'muster-jail-'));
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  chmodSync(root, 0o755);
  for (const name of ['usr/bin', 'usr/sbin', 'etc', 'tmp', 'mnt']) mkdirSync(join(root, name), { recursive: true });
  copyFileSync('/bin/busybox', join(root, 'usr/bin/busybox'));
  for (const name of ['bin', 'sbin']) symlinkSync(`usr/${name}`, join(root, name));
  for (const name of execFileSync('/bin/busybox', ['--list'], { encoding: 'utf8' }).split('\n'))
    if (name !== '' && name !== 'busybox') symlinkSync('busybox', join(root, 'usr/bin', name));
  const perl = findProgram('perl') ?? '';
  const libraries = execFileSync('ldd', [perl], { encoding: 'utf8' }).match(/\/\S+\.so\S*/g) ?? [];
  for (const file of [perl, ...libraries]) {
    mkdirSync(join(root, dirname(file)), { recursive: true });
    rmSync(join(root, file), { force: true });
    copyFileSync(file, join(root, file));
  }
  return root;
}

/** What is mounted in the image, seen from outside: other tests mount things of their own meanwhile. */
const ownMounts = (root: string): string[] =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter(line => line.includes(root));

/** What a script says, run as root in the image. */
async function said(root: string, script: string, options: ChrootOptions = {}): Promise<string> {
  const { status, stdout, stderr } = await inImage(root, ['/bin/sh', '-c', script], options);
  return `${stdout}${stderr}status ${status}\n`;
}

/** As `said`, a program in perl; `%c` has the numbers of system calls. */
async function perl(root: string, program: string, options: ChrootOptions = {}): Promise<string> {
  const calls = Object.entries(CALLS[process.arch] ?? {});
  const hash = `my %c = (${calls.map(([name, number]) => `${name} => ${number}`).join(', ')});\n$| = 1;\n`;
  writeFileSync(join(root, 'try.pl'), hash + program);
  return said(root, 'LC_ALL=C perl /try.pl', options);
}

test.serial('the host name of the image is its own: the recipe for subscriptions renames no head', async t => {
  if (!requireAll(t, NEEDS)) return;
  const before = hostname();
  t.is(await said(tree(t), 'hostname nodeTemplate && hostname'), 'nodeTemplate\nstatus 0\n');
  t.is(execFileSync('hostname', { encoding: 'utf8' }).trim(), before);
});

test.serial('clock, modules, reboot, settings, network and mounts stay as they are', async t => {
  if (!requireAll(t, NEEDS)) return;
  const root = tree(t);
  const mounts = ownMounts(root);
  const swappiness = readFileSync('/proc/sys/vm/swappiness', 'utf8');
  const lo = readFileSync('/sys/class/net/lo/flags', 'utf8');
  const tries: Record<string, string> = {
    'date -s 2001-02-03': 'date -s "2001-02-03 04:05" && date | grep -v 2001 && [ $(date +%Y) = 2001 ]',
    'hwclock -w': 'hwclock -w',
    insmod: 'insmod /usr/bin/busybox',
    modprobe: 'modprobe loop',
    'reboot -f': 'reboot -f',
    'poweroff -f': 'poweroff -f',
    'sysctl -w': 'sysctl -w vm.swappiness=1',
    'ip link': 'ip link set lo down',
    'ip address': 'ip address add 192.0.2.1/32 dev lo',
    'ip route': 'ip route add 192.0.2.0/24 dev lo',
    'mount -t tmpfs': 'mount -t tmpfs none /mnt',
    'mount -t devtmpfs': 'mount -t devtmpfs none /mnt',
    'mount -t proc': 'mount -t proc none /mnt',
    'mount --bind': 'mount --bind /etc /mnt',
    'mount -o remount,dev': 'mount -o remount,bind,dev /',
    'mount -o remount,rw /sys': 'mount -o remount,rw /sys',
    umount: 'umount /proc/sys',
    pivot_root: 'cd / && mkdir -p /mnt/old && pivot_root / /mnt/old',
    swapoff: 'swapoff -a && swapon /etc',
    sysrq: 'echo h >/proc/sysrq-trigger',
    'core pattern': 'echo x >/proc/sys/kernel/core_pattern',
    uevent: 'echo x >/sys/kernel/uevent_helper || echo add >/sys/class/mem/null/uevent',
    chattr: 'dmesg -c',
    'nice below 0': 'nice -n -5 true',
    raw: 'ping -c 1 -W 1 127.0.0.1',
  };
  for (const [name, script] of Object.entries(tries))
    t.notRegex(await said(root, `${script} 2>/dev/null`), /status 0/, name);
  t.is(readFileSync('/proc/sys/vm/swappiness', 'utf8'), swappiness);
  t.is(readFileSync('/sys/class/net/lo/flags', 'utf8'), lo);
  t.deepEqual(ownMounts(root), mounts);
  t.true(Date.now() > Date.parse('2026-01-01'));
});

test.serial("this machine's processes are neither seen nor reached; process 1 of the image is not killed", async t => {
  if (!requireAll(t, NEEDS)) return;
  const root = tree(t);
  const victim = spawn('sleep', ['1000'], { detached: true });
  t.teardown(() => victim.kill('SIGKILL'));
  const look = `for p in /proc/[0-9]*; do echo "\${p#/proc/} $(tr '\\0' ' ' <$p/cmdline 2>/dev/null)"; done; kill -9 ${victim.pid}; kill -9 1; kill -9 -1; echo alive`;
  const text = await said(root, look);
  t.false(text.includes(`\n${victim.pid} sleep`), text);
  t.notRegex(text, /sleep 1000|ava|node/);
  t.is(victim.exitCode, null);
  t.is(victim.signalCode, null);
  // Process 1 has all capabilities and this machine's files: nothing of it can be opened.
  for (const way of ['root/', 'cwd/', 'fd/0', 'ns/mnt', 'ns/uts', 'environ', 'mem', 'maps', 'root/etc/shadow'])
    t.notRegex(
      await said(root, `cat /proc/1/${way} 2>/dev/null | grep . || ls /proc/1/${way}/ 2>/dev/null`),
      /status 0/,
      way,
    );
});

test.serial('no disk and no memory is reached, by whatever node', async t => {
  if (!requireAll(t, NEEDS)) return;
  const root = tree(t);
  const disk = join(root, '..', `${root.split('/').pop()}-disk`);
  writeFileSync(disk, Buffer.alloc(1 << 20, 7));
  t.teardown(() => rmSync(disk));
  const loop = execFileSync('losetup', ['--show', '-f', disk], { encoding: 'utf8' }).trim();
  t.teardown(() => execFileSync('losetup', ['-d', loop]));
  const { rdev } = statSync(loop);
  const [major, minor] = [Math.floor(rdev / 256) % 4096, rdev % 256];
  const script = `
    for place in /disk /dev/disk /dev/shm/disk /run/disk /tmp/disk; do
      mknod $place b ${major} ${minor} || echo "cannot make $place"
      (: >>$place) 2>/dev/null && dd if=/dev/zero of=$place bs=4096 count=1 conv=notrunc 2>/dev/null && echo "wrote by $place"
      (: <$place) 2>/dev/null && echo "read by $place"
      rm -f $place
    done
    for node in 'mem 1 1' 'kmsg 1 11' 'loop-control 10 237' 'tun 10 200' 'fuse 10 229'; do
      set -- $node
      mknod /dev/$1 c $2 $3; (: <>/dev/$1) 2>/dev/null && echo "opened $1"
    done
    ls /dev/mem /dev/kmsg`;
  const text = await said(root, script);
  t.is(text, '/dev/kmsg\n/dev/mem\nstatus 0\n', 'nodes can be made, as packages do, and none can be opened');
  execFileSync('blockdev', ['--flushbufs', loop]);
  t.true(readFileSync(disk).every(byte => byte === 7));
});

test.serial('system calls that leave a chroot, a namespace or a process lead nowhere', async t => {
  if (!requireAll(t, NEEDS) || !CALLS[process.arch]) return;
  const root = tree(t);
  const mark = mkdtempSync(join(tmpdir(), 'muster-outside-'));
  t.teardown(() => rmSync(mark, { recursive: true }));
  writeFileSync(join(mark, 'mark'), 'x');
  t.is(
    await perl(
      root,
      `
      sub said { my ($name, $done) = @_; print "$name\\n" if $done; }
      # The oldest way out of a chroot.
      mkdir "/jail"; chroot "/jail" or die; chdir ".." for 1 .. 64; chroot "."; chdir "/";
      said("left the chroot", -e "${mark}/mark");
      said("lost the image", !-e "/usr/bin/busybox");
      # Handles of files (open_by_handle_at(2)): inode 2 is the root of ext4.
      open my $here, "<", "/etc"; my $handle = pack("IiQ", 8, 1, 2);
      said("opened by handle", syscall($c{open_by_handle_at}, fileno $here, $handle, 0) >= 0);
      for my $ns (qw(mnt pid net uts ipc user cgroup)) {
        said("joined $ns of 1", open(my $file, "<", "/proc/1/ns/$ns") && syscall($c{setns}, fileno $file, 0) == 0);
      }
      said("traced 1", syscall($c{ptrace}, 16, 1, 0, 0) == 0);
      my ($image, $empty) = ("x" x 64, ""); my $program = pack("I4", 2, 4, 4, 1) . ("\\0" x 100);
      said("loaded a module", syscall($c{init_module}, $image, 64, $empty) == 0);
      said("module: " . ($! + 0), $! != 1 && $! != 38);
      said("rebooted", syscall($c{reboot}, 0xfee1dead, 672274793, 0x89abcdef, 0) == 0);
      said("loaded a program of the kernel", syscall($c{bpf}, 0, $program, 116) >= 0 && !-e "/proc/sys/kernel/unprivileged_bpf_disabled");
      `,
    ),
    'status 0\n',
  );
});

test.serial('a user namespace gives no way to undo what the image is mounted with', async t => {
  if (!requireAll(t, NEEDS) || !CALLS[process.arch]) return;
  const root = tree(t);
  const tries = `
      my ($none, $at, $dev, $sys, $empty) = ("none", "/", "/dev", "/proc/sys", "");
      my ($proc, $mnt, $tmpfs, $devtmpfs) = ("proc", "/mnt", "tmpfs", "devtmpfs");
      print "remounted / with dev\\n" if syscall($c{mount}, $none, $at, $empty, 4096 | 32, 0) == 0;
      print "remounted /dev with dev\\n" if syscall($c{mount}, $none, $dev, $empty, 4096 | 32, 0) == 0;
      print "uncovered /proc/sys\\n" if syscall($c{umount2}, $sys, 2) == 0;
      print "mounted proc\\n" if syscall($c{mount}, $proc, $mnt, $proc, 0, 0) == 0 && open(my $f, ">", "/mnt/sys/vm/swappiness");
      print "mounted devtmpfs\\n" if syscall($c{mount}, $devtmpfs, $mnt, $devtmpfs, 0, 0) == 0;
      print "opened a disk\\n" if system("mknod /dev/x b 8 0 2>/dev/null || mknod /x b 8 0 2>/dev/null; cat /dev/x /x >/dev/null 2>&1") == 0;
      print "left\\n" if -e "/proc/1/root/etc/passwd";
  `;
  const made = await perl(root, `syscall($c{unshare}, 0x10000000 | 0x20000); ${tries}`);
  t.is(made, 'status 0\n', 'a new one (CLONE_NEWUSER, CLONE_NEWNS)');
  // The one that owns the UTS namespace (ioctl_ns(2), NS_GET_USERNS).
  const owner = await perl(
    root,
    `open(my $uts, "<", "/proc/self/ns/uts"); my $user = ioctl($uts, 0xb701, 0);
     syscall($c{setns}, $user, 0x10000000) if $user; syscall($c{unshare}, 0x20000); ${tries}`,
  );
  t.is(owner, 'status 0\n', 'the owner of the UTS namespace');
});

test.serial(
  "sockets, queues and shared memory of this machine: the network is this machine's, unless none is needed",
  async t => {
    if (!requireAll(t, NEEDS)) return;
    const root = tree(t);
    const folder = mkdtempSync(join(tmpdir(), 'muster-socket-'));
    t.teardown(() => rmSync(folder, { recursive: true, force: true }));
    const server = createServer(socket => socket.end('reached\n'));
    server.listen(join(folder, 'socket'));
    await once(server, 'listening');
    t.teardown(() => server.close());
    const shared = execFileSync('ipcmk', ['-M', '4096', '-p', '0666'], { encoding: 'utf8' }).match(/\d+/)?.[0] ?? '';
    t.teardown(() => execFileSync('ipcrm', ['-m', shared]));
    const script = `nc local:${join(folder, 'socket')} 2>/dev/null; ls ${folder} 2>/dev/null; grep -c '[^0-9]${shared} ' /proc/sysvipc/shm; ls /run`;
    t.is(await said(root, script), '0\nlock\nstatus 0\n');
    t.is(readlinkSync('/proc/self/ns/net'), (await said(root, 'readlink /proc/self/ns/net')).split('\n')[0] ?? '');
    t.not(
      readlinkSync('/proc/self/ns/net'),
      (await said(root, 'readlink /proc/self/ns/net', { offline: true })).split('\n')[0] ?? '',
    );
  },
);

test.serial('descriptors that the caller left open are closed', async t => {
  if (!requireAll(t, NEEDS)) return;
  const root = tree(t);
  const module = new URL('../../src/image/chroot.js', import.meta.url).pathname;
  const code = `import(${JSON.stringify(module)}).then(m => m.inImage(${JSON.stringify(root)}, ['/bin/sh', '-c', 'ls /proc/self/fd | grep -v "^[0-3]$"; echo end'])).then(r => console.log(r.stdout, r.stderr))`;
  const out = execFileSync('bash', ['-c', 'exec 7</etc 77</ 251</etc/passwd "$@"', 'bash'], { encoding: 'utf8' });
  t.is(out, '');
  const text = execFileSync('bash', ['-c', 'exec "$0" -e "$1" 7</etc 77</ 251</etc/passwd', process.execPath, code], {
    encoding: 'utf8',
  });
  t.is(text.trim(), 'end');
});

test.serial('programs with file capabilities start, and neither these nor the setuid bit give anything', async t => {
  if (!requireAll(t, { ...NEEDS, programs: [...NEEDS.programs, 'setcap'] })) return;
  const root = tree(t);
  for (const name of ['mighty/sh', 'setuid/id']) {
    mkdirSync(dirname(join(root, name)));
    copyFileSync('/bin/busybox', join(root, name));
  }
  execFileSync(findProgram('setcap') ?? '', ['cap_sys_admin,cap_net_raw+ep', join(root, 'mighty/sh')]);
  execFileSync('chmod', ['4755', join(root, 'setuid/id')]);
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/:/bin/sh\n');
  const look = 'while read -r name set; do if [ "$name" = CapEff: ]; then echo "$set"; fi; done </proc/self/status';
  const script = `/mighty/sh -c '${look}'; ${look}; su user -c "/setuid/id -u"`;
  const [mighty, plain, user] = (await said(root, script)).split('\n');
  t.regex(mighty ?? '', /^[0-9a-f]{16}$/);
  t.is(mighty, plain);
  t.is(user, '1000');
});

test.serial('a program of this machine can write to the image and nowhere else', async t => {
  if (!requireAll(t, NEEDS)) return;
  const root = tree(t);
  const folder = join('/var/lib', root.split('/').pop() ?? 'x');
  mkdirSync(folder);
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const script = `for d in /etc /usr /var/lib ${folder} /root; do (: >$d/muster-new) 2>/dev/null && echo "wrote to $d"; done
    : >"$1/new" && ls /usr/bin/env && [ -c /dev/null ] && mount -o remount,rw / 2>/dev/null; hostname other; hostname; ls /proc | grep -c '^[0-9]'; ls /run`;
  const beside = async (options: ChrootOptions) =>
    (await inImage(root, ['sh', '-c', script, 'sh', root], { outside: true, ...options })).stdout;
  t.regex(await beside({}), /^\/usr\/bin\/env\nother\n\d\nlock\n(mount\n)?$/);
  t.regex(await beside({ writable: [folder] }), new RegExp(`^wrote to ${folder}\n/usr/bin/env\nother\n`));
  t.true(existsSync(join(root, 'new')) && existsSync(join(folder, 'muster-new')));
  t.deepEqual(ownMounts(root), []);
  t.not(hostname(), 'other');
});
