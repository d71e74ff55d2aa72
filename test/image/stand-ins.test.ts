// Files of an image that others stand in for while programs run: packages replace them, and what is made of them is the image's.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type ChrootOptions, inImage } from '../../src/image/chroot.ts';
import { requireAll } from '../support/require.ts';

const NEEDS = { root: true, programs: ['unshare', 'setpriv', 'chroot'], files: ['/bin/busybox'] };
const KVER = '5.14.0-1.el9';
const HOSTS = '127.0.0.1 localhost\n10.0.0.1 own\n';

function tree(t: ExecutionContext): string {
  const root = mkdtempSync(join(tmpdir(), 'muster-stand-'));
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  for (const name of ['usr/bin', 'etc', 'tmp']) mkdirSync(join(root, name), { recursive: true });
  for (const name of ['busybox', 'uname']) copyFileSync('/bin/busybox', join(root, 'usr/bin', name));
  symlinkSync('usr/bin', join(root, 'bin'));
  for (const name of ['sh', 'cat', 'ls', 'sed', 'rm', 'mv', 'ln', 'cp', 'touch', 'chmod'])
    symlinkSync('busybox', join(root, 'usr/bin', name));
  writeFileSync(join(root, 'etc/hosts'), HOSTS);
  return root;
}

const inside = async (root: string, script: string, options: ChrootOptions = {}): Promise<string> => {
  const { status, stdout, stderr } = await inImage(root, ['/bin/sh', '-c', script], options);
  return `${stdout}${stderr}${status}`;
};
const read = (root: string, path: string): string => readFileSync(join(root, path), 'latin1');

test.serial('what nobody touched is as it was: content, inode, times, and nothing else in the folder', async t => {
  if (!requireAll(t, NEEDS)) return;
  const root = tree(t);
  writeFileSync(join(root, 'etc/real'), 'nameserver 10.0.0.9\n');
  symlinkSync('real', join(root, 'etc/resolv.conf'));
  const paths = ['etc/hosts', 'etc/real', 'etc/resolv.conf', 'usr/bin/uname', 'etc', 'usr/bin'];
  for (const path of ['etc', 'usr/bin']) utimesSync(join(root, path), 1_000_000, 1_000_000);
  const before = paths.map(path => lstatSync(join(root, path)));
  const names = readdirSync(join(root, 'etc'));
  const seen = await inside(root, 'cat /etc/hosts /etc/resolv.conf; /usr/bin/uname -r', { kver: KVER });
  t.true(
    seen.startsWith(HOSTS) && seen.includes(readFileSync('/etc/resolv.conf', 'latin1')) && seen.endsWith(`${KVER}\n0`),
    seen,
  );
  for (const [at, path] of paths.entries()) {
    const now = lstatSync(join(root, path));
    const { ino, size, mtimeMs, mode } = before[at] ?? now;
    t.like(now, { ino, size, mtimeMs, mode }, path);
  }
  t.deepEqual(readdirSync(join(root, 'etc')), names);
  for (const path of ['run', 'usr/sbin'])
    t.deepEqual(existsSync(join(root, path)) ? readdirSync(join(root, path)) : [], []);
});

test.serial('sed -i, rm, mv, ln -sf and the like work, and their outcome is what the image has afterwards', async t => {
  if (!requireAll(t, NEEDS)) return;
  const rows: [string, (root: string) => void][] = [
    ['sed -i s/own/new/ /etc/hosts', root => t.is(read(root, 'etc/hosts'), HOSTS.replace('own', 'new'))],
    ['echo 10.0.0.2 more >>/etc/hosts', root => t.is(read(root, 'etc/hosts'), `${HOSTS}10.0.0.2 more\n`)],
    ['echo 10.0.0.3 all >/etc/hosts', root => t.is(read(root, 'etc/hosts'), '10.0.0.3 all\n')],
    ['rm /etc/hosts', root => t.false(existsSync(join(root, 'etc/hosts')))],
    ['rm /etc/resolv.conf', root => t.false(existsSync(join(root, 'etc/resolv.conf')))],
    [
      'mv /etc/hosts /etc/hosts.old',
      root => {
        t.false(existsSync(join(root, 'etc/hosts')));
        t.is(read(root, 'etc/hosts.old'), HOSTS);
      },
    ],
    [
      'sed -i s/own/new/ /etc/hosts && mv /etc/hosts /etc/hosts.bak',
      root => t.regex(read(root, 'etc/hosts.bak'), /^127\.0\.0\.1 localhost\n10\.0\.0\.1 new\n/),
    ],
    [
      'ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf',
      root => t.is(readlinkSync(join(root, 'etc/resolv.conf')), '../run/systemd/resolve/stub-resolv.conf'),
    ],
    [
      'echo nameserver 10.9.8.1 >/etc/resolv.conf',
      root => t.is(read(root, 'etc/resolv.conf'), 'nameserver 10.9.8.1\n'),
    ],
    [
      'cp /etc/hosts /tmp/h && echo 1.2.3.4 x >>/tmp/h && mv /tmp/h /etc/hosts && chmod 600 /etc/hosts',
      root => {
        t.is(read(root, 'etc/hosts'), `${HOSTS}1.2.3.4 x\n`);
        t.is(lstatSync(join(root, 'etc/hosts')).mode & 0o777, 0o600);
      },
    ],
  ];
  for (const [script, check] of rows) {
    const root = tree(t);
    t.is(await inside(root, script), '0', script);
    check(root);
    t.deepEqual(readdirSync(join(root, 'run')), [], script);
  }
});

test.serial("a resolver's link into /run is read through, stays, and can be replaced", async t => {
  if (!requireAll(t, NEEDS)) return;
  const resolver = readFileSync('/etc/resolv.conf', 'latin1');
  for (const link of ['../run/systemd/resolve/stub-resolv.conf', '/run/NetworkManager/resolv.conf', '../nowhere']) {
    const root = tree(t);
    symlinkSync(link, join(root, 'etc/resolv.conf'));
    t.is(await inside(root, 'cat /etc/resolv.conf'), `${resolver}0`, link);
    t.is(readlinkSync(join(root, 'etc/resolv.conf')), link);
    t.is(await inside(root, 'rm /etc/resolv.conf && echo own >/etc/resolv.conf'), '0');
    t.is(read(root, 'etc/resolv.conf'), 'own\n', link);
  }
});

test.serial('dpkg and rpm install, update and remove packages that own these files', async t => {
  if (!requireAll(t, { ...NEEDS, programs: [...NEEDS.programs, 'rpm', 'rpmbuild', 'dpkg', 'dpkg-deb'] })) return;
  const work = mkdtempSync(join(tmpdir(), 'muster-owners-'));
  t.teardown(() => rmSync(work, { recursive: true, force: true }));
  const makers: Record<string, (version: string) => { install: string[]; remove: string[] }> = {
    dpkg(version) {
      const folder = join(work, `deb-${version}`);
      for (const name of ['DEBIAN', 'usr/bin', 'etc']) mkdirSync(join(folder, name), { recursive: true });
      const control = `Package: owner\nVersion: ${version}\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\n`;
      writeFileSync(join(folder, 'DEBIAN/control'), control);
      writeFileSync(join(folder, 'usr/bin/uname'), `#!/bin/sh\necho package ${version}\n`, { mode: 0o755 });
      writeFileSync(join(folder, 'etc/hosts'), `127.0.0.1 package-${version}\n`);
      chmodSync(join(folder, 'DEBIAN'), 0o755);
      execFileSync('dpkg-deb', ['--root-owner-group', '-b', folder, `${folder}.deb`], { stdio: 'ignore' });
      const dpkg = ['dpkg', '--force-all', '--root', 'ROOT'];
      return { install: [...dpkg, '-i', `${folder}.deb`], remove: [...dpkg, '-r', 'owner'] };
    },
    rpm(version) {
      const spec = join(work, `owner-${version}.spec`);
      writeFileSync(
        spec,
        `Name: owner\nVersion: ${version}\nRelease: 1\nSummary: x\nLicense: none\nBuildArch: noarch\n%description\nx\n%install\nmkdir -p %{buildroot}/usr/bin %{buildroot}/etc\nprintf '#!/bin/sh\\necho package ${version}\\n' >%{buildroot}/usr/bin/uname\nchmod 755 %{buildroot}/usr/bin/uname\necho 127.0.0.1 package-${version} >%{buildroot}/etc/hosts\n%files\n/usr/bin/uname\n/etc/hosts\n`,
      );
      execFileSync('rpmbuild', ['-bb', '--quiet', '--define', `_topdir ${work}/rpm`, spec], { stdio: 'ignore' });
      const rpm = ['rpm', '--root', 'ROOT', '--nodeps', '--nosignature'];
      const file = join(work, 'rpm/RPMS/noarch', `owner-${version}-1.noarch.rpm`);
      return { install: [...rpm, '-U', '--force', file], remove: [...rpm, '-e', 'owner'] };
    },
  };
  for (const [name, make] of Object.entries(makers)) {
    const root = tree(t);
    for (const path of ['var/lib/dpkg/info', 'var/lib/dpkg/updates', 'var/lib/rpm'])
      mkdirSync(join(root, path), { recursive: true });
    for (const path of ['status', 'available']) writeFileSync(join(root, 'var/lib/dpkg', path), '');
    const beside = async (words: string[]): Promise<void> => {
      const argv = words.map(word => (word === 'ROOT' ? root : word));
      const { status, stderr } = await inImage(root, argv, { outside: true, kver: KVER, env: { HOME: work } });
      t.is(status, 0, `${name}: ${argv.join(' ')}: ${stderr}`);
    };
    for (const version of ['1', '2']) {
      await beside(make(version).install);
      t.is(read(root, 'usr/bin/uname'), `#!/bin/sh\necho package ${version}\n`, name);
      t.is(read(root, 'etc/hosts'), `127.0.0.1 package-${version}\n`, name);
    }
    t.is(await inside(root, '/usr/bin/uname -a', { kver: KVER }), `${KVER}\n0`, name);
    t.is(read(root, 'usr/bin/uname'), '#!/bin/sh\necho package 2\n', name);
    await beside(make('2').remove);
    for (const path of ['usr/bin/uname', 'etc/hosts']) t.false(existsSync(join(root, path)), `${name}: ${path}`);
    t.deepEqual(readdirSync(join(root, 'run')), []);
    t.deepEqual(readdirSync(join(root, 'etc')), []);
  }
});
