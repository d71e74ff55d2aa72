import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { wholeFile } from '../../src/boot/boot-plan.ts';
import { LOADER_HEAD } from '../../src/boot/loader-format.ts';
import { BootFileHeads } from '../../src/daemon/boot-file-heads.ts';
import { temporaryFolder } from '../store/folder.ts';

test('the first bytes of a kernel are read once, from its offset; a kernel that cannot be read is tried again', async t => {
  const folder = temporaryFolder(t);
  const heads = new BootFileHeads(sha256 => join(folder, sha256));
  const kernel = { ...wholeFile({ sha256: 'a', size: 9000 }), offset: 8 };
  t.is(await heads.of(kernel), undefined);
  writeFileSync(join(folder, 'a'), `wrapping${'k'.repeat(9000)}`);
  t.deepEqual(await heads.of(kernel), Buffer.alloc(LOADER_HEAD, 'k'));
  rmSync(join(folder, 'a'));
  t.deepEqual(await heads.of(kernel), Buffer.alloc(LOADER_HEAD, 'k'));
});

test('the heads of the last few kernels are kept', async t => {
  const folder = temporaryFolder(t);
  const heads = new BootFileHeads(sha256 => join(folder, sha256));
  for (let at = 0; at < 65; at += 1) {
    writeFileSync(join(folder, `${at}`), `${at}`);
    await heads.of(wholeFile({ sha256: `${at}`, size: 2 }));
    rmSync(join(folder, `${at}`));
  }
  t.is(await heads.of(wholeFile({ sha256: '0', size: 2 })), undefined);
  t.is(String(await heads.of(wholeFile({ sha256: '1', size: 2 }))), '1');
});
