// Styles that leave a node to a disk: next and sanboot, on BIOS and UEFI, and GRUB in iPXE's place.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ensureImage } from '../../../lab/image-cache.ts';
import type { Lab } from '../../../lab/lab.ts';
import { wrapping } from '../../../src/image/cwsquash.ts';
import { requireLab, withLab } from '../../support/lab.ts';
import { biosDisk, DISK_WORDS, uefiDisk, withBootCode } from '../disks.ts';
import { contentIsRight, lastBoot, QUOTED, timelineIsComplete } from '../inside.ts';

/** From power-on to the words of a disk's loader. */
const DISK_MS = 180_000;

async function folderFor(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-disks-'));
  t.teardown(() => rm(folder, { recursive: true }));
  return folder;
}

/** Sets attributes of the node, switches it on, waits for the words, and switches it off. */
async function bootsInto(lab: Lab, attributes: readonly string[], words: string): Promise<void> {
  const set = await lab.muster('node', '-i', 'n0', 'set', ...attributes);
  if (set.status !== 0) throw new Error(set.stderr);
  const node = lab.node();
  const from = node.serial.length();
  await node.powerOn();
  await node.waitForSerial(new RegExp(words), { timeoutMs: DISK_MS, from });
  await node.powerOff();
}

async function leftToItself(t: ExecutionContext, lab: Lab, style: string): Promise<void> {
  const boot = await lastBoot(lab);
  t.is(boot.outcome, 'handed-over');
  t.is(boot.style, style);
  t.regex((await lab.muster('node', '-i', 'n0', 'status')).stdout, /local/);
}

test('bios: next and sanboot reach the local disk, and iPXE boots a disk over iSCSI', async t => {
  if (!requireLab(t)) return;
  const folder = await folderFor(t);
  const files = await ensureImage();
  // An image that a BIOS can start: boot code in front of the partition table.
  const image = join(folder, 'root.cwsquash');
  const squashfs = await readFile(files.image);
  const { prefix, suffix } = wrapping(squashfs.length);
  await writeFile(image, Buffer.concat([prefix, squashfs, suffix]));
  await withBootCode(image, DISK_WORDS.iscsi);
  const disks = [await biosDisk(folder, DISK_WORDS.bios)];
  await withLab(t, { disks, files: { ...files, image } }, async lab => {
    await bootsInto(lab, ['_boot_style=next'], DISK_WORDS.bios);
    await leftToItself(t, lab, 'next');
    await bootsInto(lab, ['_boot_style=sanboot'], DISK_WORDS.bios);
    await leftToItself(t, lab, 'sanboot');
    await bootsInto(lab, ['_boot_style=sanboot', '_ipxe_sanboot=iscsi:'], DISK_WORDS.iscsi);
    await leftToItself(t, lab, 'sanboot');
    t.regex((await lab.muster('node', '-i', 'n0', 'timeline')).stdout, /iSCSI login to iqn/);
    t.notRegex(await lab.head.lastWords(200), /password|[0-9a-f]{32}@/i);
  });
});

test('uefi: next and sanboot reach the loader of the local disk; GRUB boots a node instead of iPXE', async t => {
  if (!requireLab(t, 'uefi')) return;
  const disks = [await uefiDisk(await folderFor(t))];
  await withLab(t, { firmware: 'uefi', disks, cmdline: QUOTED }, async lab => {
    await bootsInto(lab, ['_boot_style=next'], DISK_WORDS.vendor);
    await leftToItself(t, lab, 'next');
    await bootsInto(lab, ['_boot_style=sanboot'], DISK_WORDS.vendor);
    await leftToItself(t, lab, 'sanboot');
    await lab.muster('node', '-i', 'n0', 'set', '_boot_loader=grub', '_boot_style=roram');
    await lab.bootUp();
    await timelineIsComplete(t, lab, ['ipxe'], 'roram');
    await contentIsRight(t, lab);
  });
});
