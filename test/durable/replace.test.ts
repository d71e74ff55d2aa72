// What a draft may take the place of.
import { execFileSync } from 'node:child_process';
import { lstatSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { replaceFile } from '../../src/durable/replace.ts';
import { temporaryFolder } from '../store/folder.ts';

test('no file replaces a FIFO, a device or a folder', async t => {
  const folder = temporaryFolder(t);
  const [fifo, inner] = [join(folder, 'fifo'), join(folder, 'inner')];
  execFileSync('mkfifo', [fifo]);
  mkdirSync(inner);
  for (const target of [fifo, inner])
    await t.throwsAsync(replaceFile(target, 'x'), { code: 'bad-usage', message: /is no regular file/ });
  t.true(lstatSync(fifo).isFIFO());
  t.deepEqual(readdirSync(folder).sort(), ['fifo', 'inner']);
});
