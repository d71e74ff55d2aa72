// A tree with hostile links, and every method of ImageRoot on them: nothing outside is read, written or removed.
import { execFileSync } from 'node:child_process';
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { MusterError } from '../../src/errors.ts';
import { ImageRoot } from '../../src/image/image-root.ts';

async function folders(t: ExecutionContext): Promise<{ root: string; outside: string; image: ImageRoot }> {
  const top = await mkdtemp(join(tmpdir(), 'muster-root-'));
  t.teardown(() => rm(top, { recursive: true, force: true }));
  const [root, outside] = [join(top, 'image'), join(top, 'outside')];
  await mkdir(join(root, 'usr/lib/modules'), { recursive: true });
  await mkdir(join(root, 'etc'));
  await mkdir(join(outside, 'folder'), { recursive: true });
  await writeFile(join(outside, 'file'), 'precious');
  await writeFile(join(outside, 'folder/file'), 'precious');
  return { root, outside, image: new ImageRoot(root) };
}

test('links are followed as the image sees them, never out of it', async t => {
  const { root, image } = await folders(t);
  await writeFile(join(root, 'etc/passwd'), '');
  await symlink('usr/lib', join(root, 'lib'));
  await symlink('/usr/lib', join(root, 'absolute'));
  await symlink('../../../../../../etc/passwd', join(root, 'climber'));
  await symlink('../etc/passwd', join(root, 'usr/lib/near'));
  await symlink('b', join(root, 'a'));
  await symlink('a', join(root, 'b'));
  t.is(await image.find('/lib/modules'), join(root, 'usr/lib/modules'));
  t.is(await image.find('/absolute/modules'), join(root, 'usr/lib/modules'));
  t.is(await image.find('/climber'), join(root, 'etc/passwd'));
  t.is(await image.find('/usr/lib/near'), undefined);
  t.is(await image.find('../../etc/passwd'), join(root, 'etc/passwd'));
  t.is(await image.find('/a'), undefined);
  t.is(await image.find('/none/there'), undefined);
  t.is(await image.place('/lib/new'), join(root, 'usr/lib/new'));
  t.is(await image.place('/climber'), join(root, 'climber'));
  t.is(await image.place('/etc/passwd/below'), undefined);
  t.is(image.inside(join(root, 'usr')), '/usr');
});

test('no method reads, writes or removes what lies outside', async t => {
  const { root, outside, image } = await folders(t);
  for (const [name, target] of [
    ['etc/file', join(outside, 'file')],
    ['etc/folder', join(outside, 'folder')],
    ['etc/up', '../../outside/file'],
    ['etc/up-folder', '../../outside/folder'],
  ] as const)
    await symlink(target, join(root, name));
  const { uid, mode } = lstatSync(join(outside, 'file'));
  for (const path of ['/etc/file', '/etc/folder', '/etc/up', '/etc/up-folder']) {
    t.is(await image.read(path), undefined, path);
    t.is(await image.stat(path), undefined, path);
    t.deepEqual(await image.list(path), [], path);
    t.true((await image.lstat(path))?.isSymbolicLink(), path);
    await image.chmod(path, 0o777);
    await t.throwsAsync(image.moveOut(path, join(root, 'moved')), { code: 'bad-image' }, path);
    await t.throwsAsync(image.makeDirectory(`${path}/new`), { code: 'bad-image' }, path);
    await t.throwsAsync(image.write(`${path}/new`, 'x'), { code: 'bad-image' }, path);
    await t.throwsAsync(image.copyIn(join(root, 'usr'), `${path}/new`), { code: 'bad-image' }, path);
    await image.remove(`${path}/file`);
    await image.link('x', path);
    t.true((await readlink(join(root, path))).includes('outside'), 'a link that is there stays');
  }
  await image.write('/etc/file', 'own');
  await image.remove('/etc/folder');
  await image.copyIn(join(root, 'usr'), '/etc/up-folder');
  await image.remove('/etc/up');
  t.is(readFileSync(join(root, 'etc/file'), 'utf8'), 'own');
  t.true(lstatSync(join(root, 'etc/file')).isFile());
  t.true(lstatSync(join(root, 'etc/up-folder')).isDirectory());
  t.deepEqual(readdirSync(join(root, 'etc')).sort(), ['file', 'up-folder']);
  t.deepEqual(readdirSync(outside).sort(), ['file', 'folder']);
  t.is(readFileSync(join(outside, 'file'), 'utf8'), 'precious');
  t.is(readFileSync(join(outside, 'folder/file'), 'utf8'), 'precious');
  t.like(lstatSync(join(outside, 'file')), { uid, mode });
});

test('what is written is whole, has its mode, and replaces a folder too', async t => {
  const { root, image } = await folders(t);
  await image.write('/etc/new/deep/file', 'text', 0o600);
  t.is(lstatSync(join(root, 'etc/new/deep/file')).mode & 0o7777, 0o600);
  await image.write('/etc/new', 'file');
  t.is(await image.text('/etc/new'), 'file');
  t.deepEqual(readdirSync(join(root, 'etc')), ['new'], 'no draft is left');
  await image.makeDirectory('/tmp', 0o1777);
  t.is(lstatSync(join(root, 'tmp')).mode & 0o7777, 0o1777);
  await t.throwsAsync(image.remove('/'), { instanceOf: MusterError });
});

test('reading a FIFO does not block, and a file that is too long is refused', async t => {
  const { root, image } = await folders(t);
  execFileSync('mkfifo', [join(root, 'etc/fifo')]);
  t.is(await image.read('/etc/fifo'), undefined);
  await writeFile(join(root, 'etc/long'), 'x'.repeat(100));
  await t.throwsAsync(image.read('/etc/long', 99), { code: 'bad-image', message: /100 bytes; the limit is 99/ });
  t.is((await image.read('/etc/long', 100))?.length, 100);
});

test('names that are no UTF-8 keep their bytes', async t => {
  const { root } = await folders(t);
  const image = new ImageRoot(Buffer.from(root).toString('latin1'), 'latin1');
  await image.write('/etc/caf\xe9', 'x');
  t.deepEqual(readdirSync(join(root, 'etc'), 'buffer'), [Buffer.from('caf\xe9', 'latin1')]);
  t.deepEqual(await image.list('/etc'), ['caf\xe9']);
  t.truthy(dirname((await image.find('/etc/caf\xe9')) ?? ''));
});
