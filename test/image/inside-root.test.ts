import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { insideRoot } from '../../src/image/inside-root.ts';

test('links in an image lead to places in the image, never to this machine', async t => {
  const root = await mkdtemp(join(tmpdir(), 'muster-test-'));
  t.teardown(() => rm(root, { recursive: true }));
  await mkdir(join(root, 'usr/lib/modules'), { recursive: true });
  await mkdir(join(root, 'etc'));
  await writeFile(join(root, 'etc/passwd'), '');
  await symlink('usr/lib', join(root, 'lib'));
  await symlink('/usr/lib', join(root, 'absolute'));
  await symlink('../../../../../../etc/passwd', join(root, 'climber'));
  await symlink('../etc/passwd', join(root, 'usr/lib/near'));
  await symlink('b', join(root, 'a'));
  await symlink('a', join(root, 'b'));
  t.is(await insideRoot(root, '/lib/modules'), join(root, 'usr/lib/modules'));
  t.is(await insideRoot(root, '/absolute/modules'), join(root, 'usr/lib/modules'));
  t.is(await insideRoot(root, '/climber'), join(root, 'etc/passwd'));
  t.is(await insideRoot(root, '/usr/lib/near'), undefined);
  t.is(await insideRoot(root, '../../etc/passwd'), join(root, 'etc/passwd'));
  t.is(await insideRoot(root, '/a'), undefined);
  t.is(await insideRoot(root, '/none/there'), undefined);
});
