import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { MusterError } from '../../src/errors.ts';
import { kernelRelease } from '../../src/image/kernel-release.ts';

const folder = await mkdtemp(join(tmpdir(), 'muster-test-'));
const file = join(folder, 'kernel');
test.after.always(() => rm(folder, { recursive: true }));

/** Linux x86 boot protocol: the fields that file(1) reads. */
function bzImage(version: string, pointer = 0x100): Buffer {
  const bytes = Buffer.alloc(0x1000);
  bytes.writeUInt16LE(0xaa55, 0x1fe);
  bytes.write('HdrS', 0x202, 'latin1');
  bytes.writeUInt16LE(0x20f, 0x206);
  bytes.writeUInt16LE(pointer, 0x20e);
  bytes.write(`${version}\0`, pointer + 0x200, 'latin1');
  return bytes;
}

test.serial('the release of an x86 kernel is the first word of its version text', async t => {
  await writeFile(file, bzImage('5.14.0-362.24.1.el9_3.x86_64 (builder@host) #1 SMP'));
  t.is(await kernelRelease(file), '5.14.0-362.24.1.el9_3.x86_64');
});

test.serial('an arm64 Image has its banner inside, also across a boundary of what is read at once', async t => {
  const bytes = Buffer.alloc((1 << 20) + 4096);
  bytes.writeUInt32LE(0x644d5241, 56);
  bytes.write('Linux version 6.1.0-28-arm64 (x@y) #1\n', (1 << 20) - 7, 'latin1');
  await writeFile(file, bytes);
  t.is(await kernelRelease(file), '6.1.0-28-arm64');
});

test.serial('any other file is bad-kernel, whatever its bytes', async t => {
  const refused = async (bytes: Uint8Array) => {
    await writeFile(file, bytes);
    return t.throwsAsync(kernelRelease(file), { instanceOf: MusterError, code: 'bad-kernel' });
  };
  await refused(Buffer.from('#!/bin/sh\n'));
  await refused(Buffer.alloc(0));
  await refused(bzImage('', 0));
  await refused(bzImage('x', 0).subarray(0, 0x210));
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 2000 }), async bytes => {
      await refused(bytes);
    }),
    { numRuns: 50 },
  );
});
