// What an initramfs has for its kernel: archives made by cpio(1), packed by the usual programs, alone and one behind the other.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { driverOf, readInitramfs } from '../../src/image/initramfs-contents.ts';
import { runOk } from '../../src/process/run.ts';
import { temporaryFolder } from '../cli/folder.ts';
import { findProgram, requireAll } from '../support/require.ts';

const ALIASES = `# Aliases extracted from modules themselves.
alias pci:v00008086d0000100Esv*sd*bc*sc*i* e1000
alias pci:v00008086d*sv*sd*bc01sc01i* ata_generic
alias pci:v000015B3d00001017sv*sd*bc*sc*i* mlx5_core
alias pci:v000010ECd*sv*sd*bc*sc*i* absent_module
alias virtio:d00000001v* virtio_net
alias symbol:whatever mlx5_core
`;
const BUILT_IN = [
  'virtio_pci.license=GPL',
  'virtio_pci.alias=pci:v00001AF4d*sv*sd*bc*sc*i*',
  'tg3.alias=pci:v000014E4d00001657sv*sd*bc*sc*i*',
];

async function archive(t: ExecutionContext, files: Record<string, string>): Promise<Buffer> {
  const folder = await temporaryFolder(t);
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  const made = await written(t, Buffer.alloc(0));
  await runOk('sh', ['-c', 'cd "$1" && find . | cpio --quiet -o -H newc > "$2"', 'sh', folder, made]);
  return readFile(made);
}

const modules = (release: string, more: Record<string, string> = {}): Record<string, string> => ({
  init: '#!/bin/sh\n',
  'usr/bin/odd': 'x'.repeat(4099),
  [`usr/lib/modules/${release}/kernel/drivers/net/virtio_net.ko.xz`]: 'm',
  [`usr/lib/modules/${release}/kernel/drivers/net/ethernet/mellanox/mlx5-core.ko`]: 'm',
  [`usr/lib/modules/${release}/modules.alias`]: ALIASES,
  [`usr/lib/modules/${release}/modules.builtin.modinfo`]: `${BUILT_IN.join('\0')}\0`,
  ...more,
});

async function written(t: ExecutionContext, bytes: Buffer): Promise<string> {
  const file = join(await temporaryFolder(t), 'initramfs');
  await writeFile(file, bytes);
  return file;
}

test('modules and drivers are found in an archive behind microcode, however it is packed', async t => {
  if (!requireAll(t, { programs: ['cpio'] })) return;
  const micro = await archive(t, { 'kernel/x86/microcode/GenuineIntel.bin': 'microcode' });
  const main = await archive(t, modules('6.1.0-9-amd64'));
  const plain = await written(t, main);
  const packers: readonly (readonly string[])[] = [
    ['cat'],
    ['gzip', '-c'],
    ['zstd', '-qc'],
    ['xz', '-c', '--check=crc32'],
    ['lz4', '-qcl'],
    ['bzip2', '-c'],
  ];
  for (const [program = '', ...args] of packers) {
    if (!findProgram(program)) continue;
    const packed = await written(t, Buffer.alloc(0));
    await runOk('sh', ['-c', '"$@" < "$from" > "$to"', 'sh', program, ...args], { env: { from: plain, to: packed } });
    const file = await written(t, Buffer.concat([micro, Buffer.alloc(512), await readFile(packed)]));
    const found = await readInitramfs(file);
    t.deepEqual(found.releases, ['6.1.0-9-amd64'], program);
    t.deepEqual([...found.modules].sort(), ['mlx5_core', 'virtio_net']);
    t.deepEqual(driverOf(found, 'pci 1af4:1000'), { driver: 'virtio_net' });
    t.deepEqual(driverOf(found, 'pci 15b3:1017'), { driver: 'mlx5_core' });
    t.deepEqual(driverOf(found, 'pci 14e4:1657'), { driver: 'tg3' }, 'built in');
    t.deepEqual(driverOf(found, 'pci 8086:100e'), { lacks: true }, 'listed, and not there; a disk driver is none');
    t.deepEqual(driverOf(found, 'pci 10ec:8139'), { lacks: true });
    t.is(driverOf(found, 'usb 1:2'), undefined);
  }
});

test('a virtio card needs the driver of its bus and its own', async t => {
  if (!requireAll(t, { programs: ['cpio'] })) return;
  const bare = modules('6.1.0');
  delete bare['usr/lib/modules/6.1.0/kernel/drivers/net/virtio_net.ko.xz'];
  const found = await readInitramfs(await written(t, await archive(t, bare)));
  t.deepEqual(driverOf(found, 'pci 1af4:1000'), { lacks: true });
});

test('an initramfs without modules says nothing of kernels and cards', async t => {
  if (!requireAll(t, { programs: ['cpio'] })) return;
  const found = await readInitramfs(await written(t, await archive(t, { init: '#!/bin/sh\n' })));
  t.deepEqual(found.releases, []);
  t.is(driverOf(found, 'pci 1af4:1000'), undefined);
});

test('a file that is not an initramfs, or is damaged, is an error', async t => {
  if (!requireAll(t, { programs: ['cpio', 'gzip'] })) return;
  await t.throwsAsync(readInitramfs(await written(t, Buffer.from('hello world'))), {
    message: /compression is unknown/,
  });
  const whole = await archive(t, modules('6.1.0'));
  await t.throwsAsync(readInitramfs(await written(t, whole.subarray(0, 3000))), { message: /ends in the middle/ });
  const bad = Buffer.from(whole);
  bad.write('zzzzzzzz', 6 + 6 * 8, 'latin1');
  await t.throwsAsync(readInitramfs(await written(t, bad)), { message: /cannot be read/ });
  const zstd = Buffer.concat([Buffer.from('28b52ffd', 'hex'), Buffer.alloc(100, 7)]);
  if (findProgram('zstd')) await t.throwsAsync(readInitramfs(await written(t, zstd)), { message: /^zstd: / });
  await t.throwsAsync(readInitramfs('/nowhere/initramfs'), { code: 'ENOENT' });
});
