import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { BLOCK, padding, readTarHeader, tarHeader, tarSize } from '../../src/backup/tar.ts';
import { MusterError } from '../../src/errors.ts';
import { runOk } from '../../src/process/run.ts';
import { temporaryFolder } from '../cli/folder.ts';

test('a header is read as it was written, also for a file over 8 GiB, the limit of octal digits', t => {
  for (const size of [0, 1, 8 ** 11 - 1, 8 ** 11, 11 * 2 ** 40]) {
    const member = { path: `blobs/ab/${'ab'.repeat(32)}`, size };
    t.deepEqual(readTarHeader(tarHeader(member, 1_790_000_000_000)), member);
  }
});

test('tar lists it, with sizes beyond 8 GiB', async t => {
  const file = join(await temporaryFolder(t), 'x.tar');
  const large = 9 * 2 ** 30;
  writeFileSync(
    file,
    Buffer.concat([
      tarHeader({ path: 'small', size: 3 }, 0),
      Buffer.from('abc'),
      Buffer.alloc(padding(3)),
      tarHeader({ path: 'large', size: large }, 0),
    ]),
  );
  // The content of the large one is not there, which tar says at the end.
  const { stdout } = await runOk('sh', ['-c', 'tar -tvf "$1" 2>/dev/null || true', 'sh', file]).then(text => ({
    stdout: text,
  }));
  t.regex(stdout, /-rw------- 0\/0\s+3 1970-01-01 .*small\n/);
  t.regex(stdout, new RegExp(`${large} .*large`));
});

test('a wrong checksum and special files are refused', t => {
  const damaged = tarHeader({ path: 'x', size: 1 }, 0);
  damaged[0] = 0x79;
  const link = tarHeader({ path: 'x', size: 1 }, 0);
  link[156] = 0x32;
  for (const header of [damaged, link, Buffer.alloc(BLOCK, 'x')])
    t.is(t.throws(() => readTarHeader(header), { instanceOf: MusterError })?.code, 'bad-backup');
  t.is(readTarHeader(Buffer.alloc(BLOCK)), undefined);
});

test('the size of an archive is known in advance', t => {
  t.is(
    tarSize([
      { path: 'a', size: 1 },
      { path: 'b', size: 512 },
    ]),
    512 + 512 + 512 + 512 + 1024,
  );
});
