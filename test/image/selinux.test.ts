// Labels of an image with a policy, set by the image's own setfiles (that of this machine, copied in with its libraries).
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test from 'ava';
import { relabel, selinuxContexts } from '../../src/image/selinux.ts';
import { findProgram, requireAll } from '../support/require.ts';

test('an image with a policy is labelled by it; one without is left alone', async t => {
  if (!requireAll(t, { root: true, programs: ['setfiles', 'getfattr', 'ldd', 'unshare', 'setpriv'] })) return;
  const root = mkdtempSync(join(tmpdir(), 'muster-selinux-'));
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  const setfiles = findProgram('setfiles') ?? '';
  const libraries = execFileSync('ldd', [setfiles], { encoding: 'utf8' }).match(/\/\S+\.so\S*/g) ?? [];
  for (const file of [...libraries]) {
    mkdirSync(join(root, dirname(file)), { recursive: true });
    copyFileSync(file, join(root, file));
  }
  for (const name of ['usr/sbin', 'usr/bin', 'etc']) mkdirSync(join(root, name), { recursive: true });
  copyFileSync(setfiles, join(root, 'usr/sbin/setfiles'));
  writeFileSync(join(root, 'usr/bin/program'), '');
  writeFileSync(join(root, 'etc/file'), '');
  symlinkSync('/etc/passwd', join(root, 'etc/outside'));
  t.is(await selinuxContexts(root), undefined);

  const contexts = '/etc/selinux/targeted/contexts/files/file_contexts';
  mkdirSync(join(root, dirname(contexts)), { recursive: true });
  writeFileSync(join(root, 'etc/selinux/config'), 'SELINUX=permissive\nSELINUXTYPE=targeted\n');
  writeFileSync(
    join(root, contexts),
    '/.*\tsystem_u:object_r:default_t:s0\n/usr/bin/.*\t--\tsystem_u:object_r:bin_t:s0\n/etc(/.*)?\tsystem_u:object_r:etc_t:s0\n',
  );
  t.is(await selinuxContexts(root), contexts);
  await relabel(root, contexts);
  const label = (path: string): string =>
    execFileSync('getfattr', ['--absolute-names', '-h', '--only-values', '-n', 'security.selinux', path], {
      encoding: 'utf8',
    }).replace('\0', '');
  t.is(label(join(root, 'usr/bin/program')), 'system_u:object_r:bin_t:s0');
  t.is(label(join(root, 'etc/file')), 'system_u:object_r:etc_t:s0');
  t.throws(() => label('/etc/passwd'), undefined, 'nothing outside is labelled');
});
