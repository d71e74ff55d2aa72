// An archive that is unpacked as it arrives, with more behind it in its stream.
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import { extractAll } from '../../src/image/import/archive.ts';
import { runOk } from '../../src/process/run.ts';

async function archived(t: ExecutionContext): Promise<{ bytes: Buffer; root: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-archive-'));
  t.teardown(async () => rm(folder, { recursive: true, force: true }));
  const [tree, root] = [join(folder, 'tree'), join(folder, 'root')];
  await mkdir(tree);
  await mkdir(root);
  await writeFile(join(tree, 'file'), 'kept\n');
  await runOk('tar', ['--create', '--file', join(folder, 'archive'), '--directory', tree, '.']);
  return { bytes: await readFile(join(folder, 'archive')), root };
}

test('a stream that ends only after tar has ended is read to its end', async t => {
  const { bytes, root } = await archived(t);
  const source = new PassThrough();
  source.write(bytes);
  let seen = 0;
  await extractAll(source, root, chunk => {
    seen += chunk.length;
  });
  t.is(await readFile(join(root, 'file'), 'utf8'), 'kept\n');
  t.is(seen, bytes.length);
  const closed = once(source, 'close');
  source.end(Buffer.alloc(100_000, 'more than a stream keeps unread'));
  await closed;
});

test('a stream that is no archive, or breaks, is an error, and nobody reads on', async t => {
  const { bytes, root } = await archived(t);
  const garbage = Readable.from([Buffer.alloc(100_000, 'x')]);
  await t.throwsAsync(
    extractAll(garbage, root, () => {}),
    { message: /tar/ },
  );
  t.true(garbage.destroyed);
  const broken = new PassThrough();
  broken.write(bytes.subarray(0, 700));
  const failed = t.throwsAsync(
    extractAll(broken, root, () => {}),
    { message: /tar|the connection broke/ },
  );
  broken.destroy(new Error('the connection broke'));
  await failed;
});
