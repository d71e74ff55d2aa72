import test from 'ava';
import { cpioArchive } from '../../src/wire/cpio-archive.ts';
import { markArchive, readMark } from '../../src/wire/initramfs-mark.ts';

test('an initramfs has its mark at its beginning', t => {
  const packed = Buffer.from('28b52ffd', 'hex');
  for (const mark of [
    { level: 1, tls: true },
    { level: 12, tls: false },
  ])
    t.deepEqual(readMark(Buffer.concat([markArchive(mark), packed])), mark);
});

test('an initramfs without a mark, and what only resembles one, is of level 0', t => {
  const none = { level: 0, tls: false };
  t.deepEqual(readMark(Buffer.from('28b52ffd', 'hex')), none);
  t.deepEqual(readMark(Buffer.alloc(0)), none);
  const other = cpioArchive([{ name: 'kernel', mode: 0o040755 }]);
  t.deepEqual(readMark(other), none);
  t.deepEqual(readMark(Buffer.concat([other, markArchive({ level: 1, tls: true })])), none);
});
