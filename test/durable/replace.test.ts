// What a draft may take the place of.
import { execFileSync } from 'node:child_process';
import { lstatSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { replaceFile } from '../../src/durable/replace.ts';
import { temporaryFolder } from '../store/folder.ts';

test('no file takes the place of a device, a FIFO or a folder', async t => {
  const folder = temporaryFolder(t);
  const [device, fifo, inner] = ['null', 'fifo', 'inner'].map(name => join(folder, name)) as [string, string, string];
  execFileSync('mknod', [device, 'c', '1', '3']);
  execFileSync('mkfifo', [fifo]);
  mkdirSync(inner);
  for (const target of [device, fifo, inner])
    await t.throwsAsync(replaceFile(target, 'x'), { code: 'bad-usage', message: /is no regular file/ });
  t.true(lstatSync(device).isCharacterDevice() && lstatSync(fifo).isFIFO());
  t.deepEqual(readdirSync(folder).sort(), ['fifo', 'inner', 'null']);
});
