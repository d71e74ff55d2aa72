// Each initramfs is read once, also one that cannot be unpacked.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { InitramfsContents } from '../../src/image/initramfs-contents.ts';
import { InitramfsLooks } from '../../src/image/initramfs-looks.ts';

const EMPTY: InitramfsContents = { releases: [], modules: new Set() };
const fileOf = (sha256: string) => ({ sha256, offset: 0, size: 100 });

test('one that cannot be unpacked is unpacked and reported once, whatever file of these bytes is asked for', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-looks-'));
  t.teardown(async () => rm(folder, { recursive: true }));
  const path = join(folder, 'initramfs');
  await writeFile(path, Buffer.alloc(100, 'rubbish'));
  const looks = new InitramfsLooks();
  const errors: unknown[] = [];
  for (let times = 0; times < 3; times += 1)
    t.is(await looks.of(path, fileOf('a'), error => errors.push(error)), undefined);
  t.is(errors.length, 1);
  t.regex(String(errors[0]), /compression is unknown/);
});

test('one that took too long is read again', async t => {
  let reads = 0;
  const looks = new InitramfsLooks(async (_path, _range, signal) => {
    reads += 1;
    if (reads > 1) return EMPTY;
    return new Promise((_resolve, reject) => {
      // The time-out of the signal does not keep the process
      const timer = setInterval(() => {}, 1000);
      signal?.addEventListener('abort', () => {
        clearInterval(timer);
        reject(signal.reason);
      });
    });
  }, 20);
  const errors: unknown[] = [];
  t.is(await looks.of('', fileOf('a'), error => errors.push(error)), undefined);
  t.is(await looks.of('', fileOf('a'), error => errors.push(error)), EMPTY);
  t.is(errors.length, 1);
});

test('answers are bounded, and those wanted last are kept', async t => {
  const read: string[] = [];
  const looks = new InitramfsLooks(async path => {
    read.push(path);
    return EMPTY;
  });
  const ask = async (name: string) => looks.of(name, fileOf(name), () => t.fail());
  for (let index = 0; index < 20; index += 1) {
    await ask('often');
    await ask(`n${index}`);
  }
  t.is(read.filter(name => name === 'often').length, 1);
  await ask('n0');
  t.is(read.filter(name => name === 'n0').length, 2);
});
