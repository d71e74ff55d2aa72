import { execFileSync } from 'node:child_process';
import { mkdtemp, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { FileCache, FileUnavailable } from '../../src/tftp/files.ts';

async function folder(t: ExecutionContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'muster-tftp-'));
  t.teardown(() => rm(path, { recursive: true }));
  return path;
}

test('a file is read once and shared, also among simultaneous requests', async t => {
  const path = join(await folder(t), 'loader');
  await writeFile(path, 'one');
  const cache = new FileCache();
  const [first, second] = await Promise.all([cache.read(path), cache.read(path)]);
  t.is(first, second);
  t.is(await cache.read(path), first);
  t.is(first.toString(), 'one');
  t.is(cache.bytes, 3);
});

test('a file is read again when its size, its time, or the file itself changed', async t => {
  const path = join(await folder(t), 'loader');
  const cache = new FileCache();
  await writeFile(path, 'one');
  await cache.read(path);
  await writeFile(path, 'three');
  t.is((await cache.read(path)).toString(), 'three');
  await writeFile(path, 'THREE');
  await utimes(path, 1, 1);
  t.is((await cache.read(path)).toString(), 'THREE');
  await writeFile(`${path}.new`, 'seven');
  await utimes(`${path}.new`, 1, 1);
  await rename(`${path}.new`, path);
  t.is((await cache.read(path)).toString(), 'seven');
  t.is(cache.bytes, 5);
});

test('the cache is bounded and drops what was not used for longest', async t => {
  const path = await folder(t);
  const cache = new FileCache({ keepBytes: 10, fileBytes: 20 });
  for (const name of ['a', 'b', 'c']) await writeFile(join(path, name), name.repeat(4));
  const first = await cache.read(join(path, 'a'));
  await cache.read(join(path, 'b'));
  await cache.read(join(path, 'a'));
  await cache.read(join(path, 'c'));
  t.is(cache.bytes, 8);
  t.is(await cache.read(join(path, 'a')), first);
  await writeFile(join(path, 'large'), 'x'.repeat(15));
  t.is((await cache.read(join(path, 'large'))).length, 15, 'served, and not kept');
  t.is(cache.bytes, 8);
});

test('a file that is missing, too large or not regular is unavailable', async t => {
  const path = await folder(t);
  const cache = new FileCache({ keepBytes: 10, fileBytes: 10 });
  await writeFile(join(path, 'large'), 'x'.repeat(11));
  await symlink('large', join(path, 'link'));
  execFileSync('mkfifo', [join(path, 'pipe')]);
  for (const name of ['.', 'missing', 'large', 'link', 'pipe']) {
    await t.throwsAsync(cache.read(join(path, name)), { instanceOf: FileUnavailable }, name);
  }
  await t.throwsAsync(cache.read('/dev/zero'), { message: /not a regular file/ });
  await writeFile(join(path, 'large'), 'small now');
  t.is(
    (await cache.read(join(path, 'link'))).toString(),
    'small now',
    'a failure is not remembered; links are followed',
  );
});

// RFC 1350 §1
test('netascii: LF becomes CR LF, CR becomes CR NUL, once for each content', t => {
  const cache = new FileCache();
  const content = Buffer.from('a\nb\rc\r\n');
  t.is(cache.asNetascii(content).toString('latin1'), 'a\r\nb\r\0c\r\0\r\n');
  t.is(cache.asNetascii(content), cache.asNetascii(content));
  t.is(cache.asNetascii(Buffer.alloc(0)).length, 0);
});
