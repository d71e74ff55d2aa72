// Style iscsi with real firmware and a real kernel: how little memory it takes, every byte right, and a head that is killed while the
// node reads its root.
import { createHash, randomFillSync } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { ensureImage } from '../../../lab/image-cache.ts';
import type { Lab } from '../../../lab/lab.ts';
import { runOk } from '../../../src/process/run.ts';
import { labTest, requireLab, withLab } from '../../support/lab.ts';
import { runInside } from '../console.ts';
import { BIOS_LACKS, contentIsRight, lowerIsReadOnly, rootIs, storedFiles, timelineIsComplete } from '../inside.ts';

/** Every file below /usr, in an order that both sides agree on, as one digest. Caches are dropped first: it is read from the disk. */
const READ_USR =
  'echo 3 > /proc/sys/vm/drop_caches; find /usr -xdev -type f -print0 | LC_ALL=C sort -z | xargs -0 cat | sha256sum';

/** The same of the image, unpacked here. */
async function usrOfImage(): Promise<string> {
  const { image } = await ensureImage();
  const folder = await mkdtemp(join(tmpdir(), 'muster-usr-'));
  try {
    await runOk('unsquashfs', ['-no-progress', '-quiet', '-dest', join(folder, 'root'), image, 'usr']);
    const script = 'cd "$1" && find usr -xdev -type f -print0 | LC_ALL=C sort -z | xargs -0 cat | sha256sum';
    return await runOk('sh', ['-c', script, 'sh', join(folder, 'root')]);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Blocks of 4 KiB at these places of the disk, one after the other, as one digest: the node asks the disk itself, not its cache. */
function placesOf(bytes: number): number[] {
  let seed = 20260901;
  return Array.from({ length: 120 }, () => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
    return seed % Math.floor(bytes / 4096);
  });
}

async function digestAt(path: string, places: readonly number[]): Promise<string> {
  const hash = createHash('sha256');
  const handle = await open(path, 'r');
  try {
    for (const place of places) hash.update((await handle.read(Buffer.alloc(4096), 0, 4096, place * 4096)).buffer);
  } finally {
    await handle.close();
  }
  return hash.digest('hex');
}

/** MiB that hold something which cannot be dropped. (What the kernel keeps free for itself, MemAvailable's reserve, is not in it.) */
async function memoryUsed(lab: Lab): Promise<number> {
  const look =
    'echo 3 > /proc/sys/vm/drop_caches; awk \'{ m[$1] = $2 } END { print m["MemTotal:"] - m["MemFree:"] }\' /proc/meminfo';
  return Number((await runInside(lab.node(), look)).output.trim()) / 1024;
}

labTest(
  test,
  'bios, iscsi: the head is killed while the node reads its root, and no read fails',
  { firmware: 'bios', style: 'iscsi', memory: 512 },
  async (t, lab) => {
    await lab.bootUp();
    await timelineIsComplete(t, lab, BIOS_LACKS, 'iscsi');
    await contentIsRight(t, lab);
    await rootIs(t, lab, 'overlay');
    await lowerIsReadOnly(t, lab);

    const node = lab.node();
    await runInside(node, 'dmesg -n 7');
    const from = node.serial.length();
    await node.serial.type(`for i in 1 2 3; do echo PA""SS$i; ${READ_USR}; done; echo E""ND\n`);
    await node.waitForSerial(/PASS2/, { timeoutMs: 240_000, from });
    await lab.head.crash();
    // The kernel has noticed: what is read from here on waits.
    await node.waitForSerial(/detected conn error/, { timeoutMs: 60_000, from });
    await lab.head.start();
    await node.waitForSerial(/END/, { timeoutMs: 240_000, from });
    const sums = [
      ...node.serial
        .text()
        .slice(from)
        .matchAll(/^([0-9a-f]{64}) {2}-/gm),
    ].map(match => match[1]);
    const expected = (await usrOfImage()).slice(0, 64);
    t.deepEqual(sums, [expected, expected, expected]);
    const log = (await runInside(node, 'dmesg')).output;
    t.notRegex(log, /I\/O error|SQUASHFS error|rejecting I\/O/);
  },
);

labTest(
  test,
  'uefi, iscsi with digests: what the node reads at random is what is stored',
  { firmware: 'uefi', style: 'iscsi', attributes: { _iscsi_digests: 'crc32c' } },
  async (t, lab) => {
    await lab.bootUp();
    await timelineIsComplete(t, lab, [], 'iscsi');
    await contentIsRight(t, lab);
    const node = lab.node();
    const digests = await runInside(
      node,
      'cat /sys/class/iscsi_connection/*/header_digest /sys/class/iscsi_connection/*/data_digest',
    );
    t.regex(digests.output, /^1\s+1\s*$/);
    const disk = (await storedFiles(lab)).at(-1);
    if (!disk) return t.fail('nothing is stored');
    const places = placesOf(disk.size);
    const read = `for at in ${places.join(' ')}; do dd if=/dev/sda bs=4096 count=1 skip=$at iflag=direct status=none; done | sha256sum`;
    t.is((await runInside(node, read)).output.slice(0, 64), await digestAt(disk.path, places));
    t.not(
      (await runInside(node, 'dd if=/dev/zero of=/dev/sda bs=4096 count=1 oflag=direct')).status,
      0,
      'it is read-only',
    );
  },
);

test.serial('the memory that iscsi and rwram take for the same image', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-image-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const used = new Map<string, number>();
  let files: Awaited<ReturnType<typeof ensureImage>> | undefined;
  for (const style of ['iscsi', 'rwram']) {
    if (!requireLab(t)) return;
    files ??= await largerImage(folder);
    await withLab(t, { style, memory: 2048, files }, async lab => {
      await lab.bootUp();
      used.set(style, await memoryUsed(lab));
    });
  }
  const [iscsi = 0, rwram = 0] = [used.get('iscsi'), used.get('rwram')];
  t.log(`iscsi ${iscsi.toFixed(0)} MiB, rwram ${rwram.toFixed(0)} MiB: ${(rwram / iscsi).toFixed(1)} times as much`);
  t.true(iscsi > 0 && rwram >= 5 * iscsi);
});

/** The lab's image with 600 MB of data in it, as large as those of real clusters begin. */
async function largerImage(folder: string): Promise<Awaited<ReturnType<typeof ensureImage>>> {
  const files = await ensureImage();
  const image = join(folder, 'root.squashfs');
  await copyFile(files.image, image);
  const data = join(folder, 'data', 'opt-data');
  await mkdir(data, { recursive: true });
  for (let part = 0; part < 6; part += 1)
    await writeFile(join(data, `part${part}`), randomFillSync(Buffer.alloc(100_000_000)));
  await runOk('mksquashfs', [join(folder, 'data'), image, '-no-progress', '-quiet', '-noD', '-noF']);
  return { ...files, image };
}
