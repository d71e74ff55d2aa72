import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, openSync, readSync, truncateSync, writeFileSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { MusterError } from '../../../src/errors.ts';
import { readDirectory } from '../../../src/image/iso/directory.ts';
import { readIsoFacts } from '../../../src/image/iso/facts.ts';
import { IsoTree } from '../../../src/image/iso/tree.ts';
import { readTreeInfo } from '../../../src/image/iso/treeinfo.ts';
import { surveyIso } from '../../../src/image/iso/walk.ts';
import { run, runOk } from '../../../src/process/run.ts';
import { kernelFile } from '../../cli/files.ts';
import { type Files, installationTree, layFiles, makeIso, testFolder } from '../../support/iso.ts';
import { requireAll } from '../../support/require.ts';

const XORRISO = { programs: ['xorriso'] };

async function imageOf(t: ExecutionContext, files: Files, args?: readonly string[]): Promise<string> {
  const folder = testFolder(t);
  mkdirSync(join(folder, 'tree'));
  layFiles(join(folder, 'tree'), files);
  return makeIso(join(folder, 'tree'), join(folder, 'image.iso'), args);
}

async function contentOf(path: string, tree: IsoTree, name: string): Promise<string> {
  const entry = await tree.lookup(name);
  if (entry?.kind !== 'file') return `${name} is ${entry?.kind ?? 'not there'}`;
  const bytes = Buffer.alloc(entry.size);
  readSync(openSync(path, 'r'), bytes, 0, entry.size, entry.offset);
  return bytes.toString('latin1');
}

const MANY = Object.fromEntries(
  Array.from({ length: 3000 }, (_, at) => [`Packages/package-${at}-1.0.x86_64.rpm`, `${at}`]),
);
const AWKWARD: Files = {
  ...MANY,
  empty: '',
  'with space/and # and % and ü.txt': 'awkward',
  [`long/${'n'.repeat(240)}`]: 'a long name',
  'a/b/c/d/e/f/g/h/i/j/deep': 'deeper than ISO 9660 allows',
  'links/relative': '->../empty',
  'links/absolute': '->/a/b/c/d/e/f/g/h/i/j/deep',
  'links/directory': '->../a/b/c',
  'links/loop': '->loop',
  'links/out': '->../../../../../../etc/passwd',
  [`links/long`]: `->../${'long/../'.repeat(60)}empty`,
};

for (const [writer, make] of [
  ['xorriso', makeIso],
  ['genisoimage', async (folder: string, file: string) => runOk('genisoimage', ['-quiet', '-R', '-o', file, folder])],
] as const) {
  test(`${writer}, Rock Ridge: every file is found under its name with its bytes, links lead where they lead on Linux`, async t => {
    if (!requireAll(t, { programs: [writer] })) return;
    const folder = testFolder(t);
    layFiles(join(folder, 'tree'), AWKWARD);
    const file = join(folder, 'image.iso');
    await make(join(folder, 'tree'), file);
    const tree = await IsoTree.open(file);
    for (const [name, content] of Object.entries(AWKWARD)) {
      if (!content.toString().startsWith('->'))
        t.is(await contentOf(file, tree, name), content.toString('latin1' as never), name);
    }
    t.is((await tree.lookup('links/relative'))?.size, 0);
    t.is(await contentOf(file, tree, 'links/absolute'), 'deeper than ISO 9660 allows');
    t.is(await contentOf(file, tree, 'links/directory/d/e/f/g/h/i/j/deep'), 'deeper than ISO 9660 allows');
    // genisoimage writes a broken continuation for it; its own isoinfo cannot read it either.
    if (writer === 'xorriso') t.is((await tree.lookup('links/long'))?.name, 'empty');
    t.is(await tree.lookup('links/loop'), undefined);
    t.is(await tree.lookup('links/out'), undefined, 'the way of a link does not leave the image');
    t.is(await tree.lookup('empty/below'), undefined);
    t.is(await tree.lookup('../../etc/passwd'), undefined);
    t.is((await tree.lookup('/a//./b/../b/'))?.kind, 'directory');
    const names = (await tree.list((await tree.lookup('Packages')) ?? tree.root)).map(entry => entry.name);
    t.is(new Set(names).size, 3000);
  });
}

test('without Rock Ridge the names are those of Joliet, and without both what Linux makes of ISO 9660', async t => {
  if (!requireAll(t, XORRISO)) return;
  const files = { 'Documents/Größe of a Name.text': 'one', 'README.TXT': 'two' };
  const joliet = await imageOf(t, files, ['-J', '-joliet-long', '--norock']);
  t.is(await contentOf(joliet, await IsoTree.open(joliet), 'Documents/Größe of a Name.text'), 'one');
  const plain = await imageOf(t, { 'README.TXT': 'two', 'DOCS/A': 'three' }, ['--norock']);
  const tree = await IsoTree.open(plain);
  t.is(await contentOf(plain, tree, 'readme.txt'), 'two');
  t.is(await contentOf(plain, tree, 'docs/a'), 'three');
});

test('the tree is what the kernel of Linux sees in the image, or xorriso where that kernel knows no ISO 9660', async t => {
  if (!requireAll(t, { root: true, programs: ['xorriso', 'mount', 'find'] })) return;
  const file = await imageOf(t, AWKWARD);
  const folder = join(testFolder(t), 'mnt');
  mkdirSync(folder);
  const isMounted = (await run('mount', ['-o', 'loop,ro', file, folder])).status === 0;
  if (!isMounted) await runOk('xorriso', ['-osirrox', 'on', '-indev', file, '-extract', '/', folder]);
  try {
    const seen = (await runOk('find', [folder, '-type', 'f', '-printf', '%P %s\n'])).trim().split('\n').sort();
    t.deepEqual(await filesOf(await IsoTree.open(file)), seen);
  } finally {
    if (isMounted) await runOk('umount', [folder]);
  }
});

async function filesOf(tree: IsoTree, folder = tree.root, path = ''): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await tree.list(folder)) {
    const name = path + entry.name;
    if (entry.kind === 'file') found.push(`${name} ${entry.size}`);
    if (entry.kind === 'directory') found.push(...(await filesOf(tree, entry, `${name}/`)));
  }
  return found.sort();
}

test('a file of several adjacent sections is one piece; scattered ones are refused', async t => {
  const record = (block: number, size: number, flags: number): Buffer => {
    const bytes = Buffer.alloc(34 + 8);
    bytes[0] = bytes.length;
    bytes.writeUInt32LE(block, 2);
    bytes.writeUInt32LE(size, 10);
    bytes[25] = flags;
    bytes[32] = 8;
    bytes.write('LARGE.;1', 33, 'latin1');
    return bytes;
  };
  const file = join(testFolder(t), 'directory');
  const volume = { blockSize: 2048, blocks: 1, label: '', joliet: false, root: {} as never };
  const read = async (...records: Buffer[]) => {
    writeFileSync(file, Buffer.concat(records));
    const handle = await open(file, 'r');
    try {
      return await readDirectory(handle, { volume, skip: undefined }, { offset: 0, size: (await stat(file)).size });
    } finally {
      await handle.close();
    }
  };
  const part = 0xffff_f800;
  const [whole] = await read(record(100, part, 0x80), record(100 + part / 2048, 5000, 0));
  t.like(whole, { name: 'large', offset: 204_800, size: part + 5000 });
  t.is(whole?.problem, undefined);
  const [scattered] = await read(record(100, 2048, 0x80), record(500, 5000, 0));
  t.regex(scattered?.problem ?? '', /are not contiguous/);
});

test('an installation image: label, repositories, installer with kernel and initramfs as ranges of the file', async t => {
  if (!requireAll(t, XORRISO)) return;
  const kernel = kernelFile('5.14.0-427.el9.x86_64');
  const file = await imageOf(t, installationTree(kernel, Buffer.from('initramfs')));
  const facts = await readIsoFacts(file);
  t.is(facts.label, 'MUSTER-9-x86_64-dvd');
  t.deepEqual(facts.repositories.toSorted(), ['AppStream', 'BaseOS']);
  t.like(facts.installer, {
    kind: 'anaconda',
    family: 'Muster Linux',
    version: '9.4',
    release: '5.14.0-427.el9.x86_64',
  });
  const { offset = 0, size = 0, sha256 } = facts.installer?.kernel ?? {};
  const bytes = Buffer.alloc(size);
  readSync(openSync(file, 'r'), bytes, 0, size, offset);
  t.true(bytes.equals(kernel));
  t.is(sha256, createHash('sha256').update(kernel).digest('hex'));
});

test('CentOS 7 has one repository at the root; Ubuntu and Debian have no .treeinfo', async t => {
  if (!requireAll(t, XORRISO)) return;
  const kernel = kernelFile('3.10.0-1160.el7.x86_64');
  const centos = await readIsoFacts(
    await imageOf(t, {
      '.treeinfo':
        '[general]\nname = CentOS-7\nfamily = CentOS\nversion = 7\nvariant =\npackagedir =\narch = x86_64\n\n[stage2]\nmainimage = LiveOS/squashfs.img\n\n[images-x86_64]\nkernel = images/pxeboot/vmlinuz\ninitrd = images/pxeboot/initrd.img\nboot.iso = images/boot.iso\n\n[images-xen]\nkernel = images/pxeboot/vmlinuz\ninitrd = images/pxeboot/initrd.img\n',
      'images/pxeboot/vmlinuz': kernel,
      'images/pxeboot/initrd.img': 'x',
      'repodata/repomd.xml': 'x',
    }),
  );
  t.deepEqual(centos.repositories, ['']);
  t.like(centos.installer, { kind: 'anaconda', family: 'CentOS', version: '7' });
  const ubuntu = await readIsoFacts(
    await imageOf(t, { 'casper/vmlinuz': kernel, 'casper/initrd': 'x', '.disk/info': 'Ubuntu-Server 24.04\n' }),
  );
  t.like(ubuntu.installer, { kind: 'subiquity', family: 'Ubuntu-Server 24.04' });
  const debian = await readIsoFacts(await imageOf(t, { 'install.amd/vmlinuz': kernel, 'install.amd/initrd.gz': 'x' }));
  t.is(debian.installer, null);
  t.regex(debian.reason, /Debian.*netboot/);
  const other = await readIsoFacts(await imageOf(t, { readme: 'x' }));
  t.is(other.installer, null);
  t.regex(other.reason, /no \.treeinfo/);
});

async function refusal(path: string): Promise<string> {
  try {
    await readIsoFacts(path);
    return 'it was taken';
  } catch (error) {
    return error instanceof MusterError && error.code === 'bad-iso' ? error.message : `not bad-iso: ${String(error)}`;
  }
}

test('a cut image is refused with the file that is not whole, wherever it is cut', async t => {
  if (!requireAll(t, XORRISO)) return;
  const file = await imageOf(t, installationTree(kernelFile('5.14'), randomBytes(100_000)));
  const { size } = await stat(file);
  const { end } = await surveyIso(await IsoTree.open(file));
  t.true(end <= size);
  for (const at of [end - 1, Math.floor(end / 2), 40 * 2048, 17 * 2048, 16 * 2048 + 100, 0]) {
    truncateSync(file, at);
    t.regex(await refusal(file), at > 17 * 2048 ? /cut short/ : /no primary volume descriptor|cut short/, `at ${at}`);
  }
});

test('a damaged kernel is found by the checksums of .treeinfo', async t => {
  if (!requireAll(t, XORRISO)) return;
  const file = await imageOf(t, installationTree(kernelFile('5.14.0'), Buffer.alloc(5000, 'i')));
  const facts = await readIsoFacts(file);
  const handle = await open(file, 'r+');
  await handle.write(Buffer.from('X'), 0, 1, (facts.installer?.initramfs.offset ?? 0) + 100);
  await handle.close();
  t.regex(await refusal(file), /damaged: 'images\/pxeboot\/initrd\.img' does not have the sha256 checksum/);
});

test('checksums of .treeinfo: each algorithm that trees have is compared, and another one is named', async t => {
  if (!requireAll(t, XORRISO)) return;
  const kernel = kernelFile('5.14.0');
  const withSum = (sum: string, path = 'images/pxeboot/vmlinuz'): Files => ({
    '.treeinfo': [
      '[release]\nname = Muster Linux\nversion = 10.1\n[tree]\narch = x86_64',
      '[images-x86_64]\nkernel = images/pxeboot/vmlinuz\ninitrd = images/pxeboot/initrd.img',
      `[checksums]\n${path} = ${sum}\n`,
    ].join('\n'),
    'images/pxeboot/vmlinuz': kernel,
    'images/pxeboot/initrd.img': 'initramfs',
  });
  for (const algorithm of ['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512']) {
    const digest = createHash(algorithm).update(kernel).digest('hex');
    const { installer } = await readIsoFacts(await imageOf(t, withSum(`${algorithm.toUpperCase()}:${digest}`)));
    t.like(installer, { family: 'Muster Linux', version: '10.1' }, algorithm);
    const wrong = createHash(algorithm).update('other').digest('hex');
    t.regex(await refusal(await imageOf(t, withSum(`${algorithm}:${wrong}`, './images/pxeboot/vmlinuz'))), /damaged/);
  }
  for (const sum of ['blake2b:00', 'sha256:12', `${'0'.repeat(64)}`, 'sha256', 'constructor:00'])
    t.regex(
      (await readIsoFacts(await imageOf(t, withSum(sum)))).reason,
      /has the checksum '.*' for 'images\/pxeboot\/vm/,
      sum,
    );
});

test('a .treeinfo that lies names nothing outside the image, and one without images is no installer', async t => {
  if (!requireAll(t, XORRISO)) return;
  const tree = (kernel: string): Files => ({
    '.treeinfo': `[general]\narch = x86_64\n[images-x86_64]\nkernel = ${kernel}\ninitrd = images/initrd.img\n`,
    'images/initrd.img': 'x',
    'images/passwd': '->/../../etc/passwd',
  });
  for (const kernel of ['../../etc/passwd', '/etc/passwd', 'images', 'images/passwd', 'images/gone'])
    t.regex((await readIsoFacts(await imageOf(t, tree(kernel)))).reason, /which is not in it/, kernel);
  t.deepEqual(readTreeInfo('[general]\narch = x86_64\n'), {
    problem: 'has no section [images-x86_64] with kernel and initrd',
  });
});

test('directories that contain themselves end the survey, and a path through them ends too', async t => {
  if (!requireAll(t, XORRISO)) return;
  const file = await imageOf(t, { 'one/two/file': 'x' });
  const tree = await IsoTree.open(file);
  const one = await tree.lookup('one');
  const two = await tree.lookup('one/two');
  const handle = await open(file, 'r+');
  // The record of `two` in `one` now leads to `one` itself.
  const bytes = Buffer.alloc(2048);
  await handle.read(bytes, 0, 2048, one?.offset ?? 0);
  const block = Buffer.alloc(4);
  block.writeUInt32LE((two?.offset ?? 0) / 2048);
  for (let at = bytes.indexOf(block, 70); at > 0; at = bytes.indexOf(block, at + 1))
    bytes.writeUInt32LE((one?.offset ?? 0) / 2048, at);
  await handle.write(bytes, 0, 2048, one?.offset ?? 0);
  await handle.close();
  const looped = await IsoTree.open(file);
  t.is((await looped.lookup('one/two/two/two/two'))?.kind, 'directory');
  t.is(await looped.lookup(`one/${'two/'.repeat(5000)}`), undefined);
  t.deepEqual((await surveyIso(looped)).repositories, []);
});
