import test from 'ava';
import fc from 'fast-check';
import { type LayoutDisk, nodeLayout, readDiskLayout } from '../../src/model/disk-layout.ts';

const refusal = (text: string): string => {
  const read = readDiskLayout(text);
  return 'refused' in read ? read.refused : 'a layout';
};

function laidOut(text: string) {
  const read = readDiskLayout(text);
  if ('refused' in read) throw new Error(read.refused);
  return nodeLayout(read.disks);
}

test('a layout of one disk with an erase reads as it did before there were more', t => {
  t.deepEqual(laidOut(' /dev/sda  cache=20G,root=rest erase=S1;'), {
    disks: ['/dev/sda cache=20G,root=rest erase=S1'],
    mounts: [],
  });
});

test('disks, arrays, file systems, folders and swap: folders stand before what is below them', t => {
  const text =
    '/dev/sda cache=20G:ext4,root=rest; raid1(/dev/sdb, /dev/sdc) log=2G:xfs@/var/log?,var=rest@/var;/dev/nvme0n1 swap=16G:swap,a=rest:xfs@/scratch';
  t.deepEqual(laidOut(text), {
    disks: [
      '/dev/sda cache=20G,root=rest',
      'raid1(/dev/sdb,/dev/sdc) log=2G:xfs@/var/log?,var=rest@/var',
      '/dev/nvme0n1 swap=16G:swap,a=rest:xfs@/scratch',
    ],
    mounts: ['swap swap - needed', 'a xfs /scratch needed', 'var ext4 /var needed', 'log xfs /var/log optional'],
  });
});

test('a refusal names the part and what is right', t => {
  const cases: [text: string, words: RegExp][] = [
    ['', /^must be disks and their partitions, such as \/dev\/sda cache=20G/],
    ['sda a=rest', /^must be disks/],
    ['/dev/sda', /^has no partition for \/dev\/sda/],
    ['/dev/sda a', /^has 'a': a partition is LABEL=SIZE/],
    ['/dev/sda a=rest:ext3', /^has 'a=rest:ext3': the file system is unknown; did you mean 'ext4'\?/],
    ['/dev/sda a=rest:constructor', /unknown; there are ext4, xfs, swap$/],
    ['/dev/sda 1=rest', /^has '1=rest': a label has letters/],
    ['/dev/sda scratch-space1=rest:xfs', /a label of xfs has 12 characters at most/],
    ['/dev/sda a=20', /^has 'a=20': the size must be a number with M, G or T, or rest/],
    ['/dev/sda a=200M:xfs', /^has 'a=200M:xfs': xfs needs 300M at least/],
    ['/dev/sda a=rest,b=1G', /^has a=rest before other partitions of \/dev\/sda/],
    ['/dev/sda a=rest@scratch', /the folder must be an absolute path, such as \/scratch/],
    ['/dev/sda a=rest@/x/../y', /must be an absolute path/],
    ['/dev/sda a=rest@/', /must be an absolute path/],
    ['/dev/sda a=rest@/usr', /\/usr must stay as the system needs it/],
    ['/dev/sda a=rest@/run/x', /\/run\/x must stay/],
    ['/dev/sda a=rest:swap@/x', /swap has no folder/],
    ['/dev/sda a=rest?', /\? is for swap, and for a partition with a folder/],
    ['/dev/sda a=1G,a=rest', /^has the label a twice/],
    ['/dev/sda a=rest; /dev/sda b=rest', /^names the disk \/dev\/sda twice/],
    ['/dev/sda a=1G@/x,b=rest@/x', /^mounts two partitions at \/x/],
    ['/dev/sda a=rest erase', /^has 'erase' after the partitions of \/dev\/sda; erase=SERIAL/],
    ['/dev/sda a=rest erase=1 2', /^has 'erase=1 2' after/],
    ['raid1(/dev/sda) a=rest', /^has raid1 of one disk/],
    ['raid1(/dev/sda,sdb) a=rest', /^has raid1: 'sdb' is no disk/],
    ['raid5(/dev/sda,/dev/sdb) a=rest', /^has 'raid5': did you mean 'raid0'\?/],
    ['mirror(/dev/sda,/dev/sdb) a=rest', /^has 'mirror': there are raid0 and raid1/],
  ];
  for (const [text, words] of cases) t.regex(refusal(text), words, text);
});

const folder = fc.array(fc.constantFrom('scratch', 'var', 'log', 'data.1'), { minLength: 1, maxLength: 3 });
const parts = fc.array(
  fc.record({
    fs: fc.constantFrom('ext4' as const, 'xfs' as const, 'swap' as const),
    size: fc.constantFrom('300M', '20G', '1T'),
    path: fc.option(folder.map(names => `/${names.join('/')}`)),
    isOptional: fc.boolean(),
  }),
  { minLength: 1, maxLength: 4 },
);
const shape = fc.record({
  devices: fc.integer({ min: 1, max: 3 }),
  parts,
  rest: fc.boolean(),
  erase: fc.constantFrom('', 'S1', 'A_1,B-2'),
});

test('a layout that is written as the initramfs reads it means the same again', t => {
  fc.assert(
    fc.property(fc.array(shape, { minLength: 1, maxLength: 3 }), shapes => {
      let number = 0;
      const disks = shapes.map(({ devices, parts, rest, erase }): LayoutDisk => {
        const made = parts.map((part, index) => {
          number += 1;
          const path = part.fs === 'swap' || part.path === null ? '' : `${part.path}/${number}`;
          const size = rest && index === parts.length - 1 ? 'rest' : part.size;
          return {
            label: `l${number}`,
            size,
            fs: part.fs,
            path,
            isOptional: part.isOptional && (path !== '' || part.fs === 'swap'),
          };
        });
        const names = Array.from({ length: devices }, (_, index) => `/dev/d${number}x${index}`);
        return { level: devices > 1 ? 'raid1' : undefined, devices: names, parts: made, erase };
      });
      const read = readDiskLayout(nodeLayout(disks).disks.join(';'));
      t.deepEqual(read, { disks });
    }),
  );
});

test('whatever the text, there is an answer; what is taken has no character that a line of the initramfs could not', t => {
  const piece = fc.constantFrom(
    '/dev/sda',
    ' ',
    'a=',
    '1G',
    'rest',
    ':xfs',
    '@/x',
    '?',
    ',',
    ';',
    'raid1(',
    ')',
    'erase=',
    "'",
    '\n',
    '$(x)',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(piece, { maxLength: 12 }).map(all => all.join('')),
      ),
      text => {
        const read = readDiskLayout(text);
        if ('refused' in read) return t.not(read.refused, '');
        for (const line of nodeLayout(read.disks).disks) t.regex(line, /^[^\n]+ [^\s]+( erase=\S+)?$/);
      },
    ),
  );
});
