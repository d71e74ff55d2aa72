// The packages, where they are meant to be used: installed, started, upgraded, removed in a Debian of its own.
import { copyFileSync, existsSync, lstatSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { SCYLD_NAMES } from '../../src/cli/scyld-names.ts';
import { parseConfig } from '../../src/config.ts';
import { runOk } from '../../src/process/run.ts';
import { fakeKernel } from '../admin/world.ts';
import { temporaryFolder } from '../cli/folder.ts';
import { buildPackage } from '../support/build-package.ts';
import { Chroot } from '../support/chroot.ts';
import { requireAll } from '../support/require.ts';

test('installed, started, upgraded with its data, removed, purged; then the same as rpm', async t => {
  t.timeout(900_000);
  const programs = ['mmdebstrap', 'dpkg-deb', 'rpm', 'rpmbuild', 'unshare', 'nsenter', 'setpriv', 'ldd', 'ip'];
  if (!requireAll(t, { root: true, programs })) return;
  const folder = await temporaryFolder(t);
  const inside = new Chroot(t, join(folder, 'root'));
  const [first, second, rpm] = await Promise.all([
    buildPackage(join(folder, 'first'), '--deb'),
    buildPackage(join(folder, 'second'), '--deb', '--version', '0.99.0'),
    buildPackage(join(folder, 'rpm'), '--rpm'),
    inside.make().then(async () => inside.enter()),
  ]);
  for (const [name, file] of Object.entries({ 'first.deb': first, 'second.deb': second, 'm.rpm': rpm }))
    copyFileSync(file, inside.path(name));

  // Install.
  t.regex(await inside.run('dpkg', '-i', '/first.deb'), /muster: next, 'muster init --interface NAME'/);
  t.regex(await inside.run('getent', 'passwd', 'muster'), /:\/var\/lib\/muster:\/usr\/sbin\/nologin$/m);
  t.is(statSync(inside.path('var/lib/muster')).mode & 0o777, 0o700);
  for (const name of ['muster', 'musterd', ...SCYLD_NAMES])
    t.true(lstatSync(inside.path('usr/bin', name)).isSymbolicLink(), name);
  for (const path of [
    'usr/lib/systemd/system/musterd.service',
    'usr/lib/systemd/system/musterd-radvd.service',
    'usr/lib/muster/templates/kickstarts',
    'usr/lib/muster/templates/filesets/network/.fileset/set.toml',
    'usr/lib/muster/node-scripts/pack-node',
    'usr/share/man/man1/muster-node.1.gz',
    'usr/share/man/man1/scyld-nodectl.1.gz',
    'usr/share/bash-completion/completions/muster',
    'usr/share/zsh/vendor-completions/_muster',
    'usr/share/doc/muster/service.md',
  ])
    t.true(existsSync(inside.path(path)), path);
  const example = readFileSync(inside.path('usr/share/doc/muster/examples/muster.toml'), 'utf8');
  t.notThrows(() => parseConfig(example, 'the example'));
  t.notThrows(() => parseConfig(example.replace(/^#(?! )/gm, ''), 'the example with every key'));

  // The library for system calls has its machine code in a package of npm's of its own.
  const load =
    "import('/usr/lib/muster/dist/src/libc.js').then(m => m.loadLibc()).then(l => console.log(l.close(-1).code))";
  t.is((await inside.run('/usr/lib/muster/bin/node', '-e', load)).trim(), 'EBADF');

  // Start, and use it.
  writeFileSync(inside.path('etc/muster/muster.toml'), 'head.address = "127.0.0.1/24"\n');
  const stop = await inside.musterd();
  writeFileSync(inside.path('vmlinuz'), fakeKernel('6.1.0-9-amd64'));
  await inside.run('muster', 'boot', 'create', 'name=B', 'kernel=@/vmlinuz');
  await inside.run('scyld-nodectl', 'create', 'mac=52:54:00:00:00:01');
  await inside.run('muster', 'backup', '/root/b.tar');
  t.is(await inside.status('muster', 'doctor', '--no-probe'), 1, 'no loaders are installed in this Debian');
  await stop();

  // Upgrade.
  await inside.run('dpkg', '-i', '/second.deb');
  t.regex(await inside.run('muster', '--version'), /^0\.99\.0$/m);
  const stopSecond = await inside.musterd();
  t.regex(await inside.run('muster', 'node', 'ls'), /n0/);
  await inside.run('muster', 'boot', '-i', 'B', 'download', 'kernel', '/root/vmlinuz');
  t.deepEqual(readFileSync(inside.path('root/vmlinuz')), readFileSync(inside.path('vmlinuz')));
  await stopSecond();

  // Remove keeps the data, purge takes it.
  await inside.run('dpkg', '-r', 'muster');
  t.false(existsSync(inside.path('usr/lib/muster')));
  t.false(existsSync(inside.path('usr/bin/muster')));
  t.true(existsSync(inside.path('var/lib/muster/muster.db')));
  t.true(existsSync(inside.path('etc/muster/muster.toml')));
  await inside.run('dpkg', '-P', 'muster');
  t.false(existsSync(inside.path('var/lib/muster')));
  t.false(existsSync(inside.path('etc/muster')));

  // The rpm, by rpm itself into the same tree; that it is a Debian's, `--nodeps` says.
  const list = await runOk('rpm', ['-qlp', rpm]);
  for (const path of [
    '/usr/bin/scyld-nodectl',
    '/usr/lib/systemd/system/musterd.service',
    '/usr/share/zsh/site-functions/_muster',
  ])
    t.true(list.split('\n').includes(path), path);
  t.notRegex(await runOk('rpm', ['-qp', '--requires', rpm]), /nodejs|\/usr\/lib\/muster/);
  await runOk('rpm', ['--root', inside.root, '--dbpath', '/var/lib/rpm', '-i', '--nodeps', rpm]);
  t.is(statSync(inside.path('var/lib/muster')).mode & 0o777, 0o700);
  mkdirSync(inside.path('etc/muster'), { recursive: true });
  writeFileSync(inside.path('etc/muster/muster.toml'), 'head.address = "127.0.0.1/24"\n');
  await inside.run('muster', 'restore', '/root/b.tar');
  const stopRpm = await inside.musterd();
  t.regex(await inside.run('muster', 'node', 'ls'), /n0/);
  await stopRpm();
  await runOk('rpm', ['--root', inside.root, '--dbpath', '/var/lib/rpm', '-e', 'muster']);
  t.false(existsSync(inside.path('usr/lib/muster/bin')));
  t.true(existsSync(inside.path('var/lib/muster/muster.db')));
});
