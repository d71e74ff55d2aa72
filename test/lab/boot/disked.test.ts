// Style disked: an empty disk, a warm cache, a head that is gone, a damaged cache, and a power cut in mid-write.
import test from 'ava';
import type { Step } from '../../../lab/follow.ts';
import { DISK_ATTRIBUTES, type Lab } from '../../../lab/lab.ts';
import { throttle } from '../../../lab/network.ts';
import type { Timeline } from '../../../src/api/boots.ts';
import { withLab } from '../../support/lab.ts';
import { runInside } from '../console.ts';
import { BIOS_LACKS, contentIsRight, lastBoot, rootIs, sentBytes, storedFiles, timelineIsComplete } from '../inside.ts';

const DISKED = { style: 'disked', memory: 512 } as const;

/** Bytes of the image that the head has sent in the last boot. */
function imageBytes(boot: Timeline): number {
  return boot.rows.find(row => row.stage === 'image')?.bytes ?? 0;
}

async function again(lab: Lab): Promise<Timeline> {
  await lab.node().powerOff();
  await lab.bootUp();
  return lastBoot(lab);
}

/** What is done to the cache from inside a running node; the cut of power that follows finds it on the disk. */
async function changeCache(lab: Lab, script: string): Promise<void> {
  const mounted = `mount LABEL=cache /mnt && cd /mnt/muster && ${script} && cd / && umount /mnt`;
  const { status, output } = await runInside(lab.node(), mounted);
  if (status !== 0) throw new Error(output);
}

test('bios, disked: whatever happens to cache and head, the node comes up with the right root', async t => {
  await withLab(t, { ...DISKED, firmware: 'bios' }, async lab => {
    await lab.bootUp();
    await timelineIsComplete(t, lab, BIOS_LACKS, 'disked');
    await contentIsRight(t, lab);
    await rootIs(t, lab, 'ext4');
    const size = imageBytes(await lastBoot(lab));
    const stored = (await storedFiles(lab)).at(-1)?.size ?? 0;
    t.true(size > 10_000_000 && size <= stored, 'an empty disk: the whole image was fetched');

    const warm = await again(lab);
    t.is(imageBytes(warm), 0, 'a warm cache: not a byte of the image');
    t.regex(warm.rows.find(row => row.stage === 'image')?.detail ?? '', /cache hit/);

    await lab.node().powerOff();
    let last: Step | undefined;
    let away = false;
    for await (const step of lab.boot()) {
      last = step;
      if (away || !('event' in step) || !/^initramfs in/.test(step.event.detail ?? '')) continue;
      away = true;
      const from = lab.node().serial.length();
      await lab.head.crash();
      await lab.node().waitForSerial(/root@\w+:~# /, { timeoutMs: 240_000, from });
      await lab.head.start();
    }
    t.deepEqual([away, last], [true, { end: 'up' }], 'the head was gone: the system came up from the cache');
    await contentIsRight(t, lab);

    await changeCache(lab, 'dd if=/dev/urandom of=$(ls) bs=1M seek=20 count=1 conv=notrunc status=none');
    const mended = await again(lab);
    t.is(imageBytes(mended), size, 'a damaged cache: fetched anew');
    t.regex(mended.events.map(event => event.detail ?? '').join('\n'), /the cached image is damaged/);
    await contentIsRight(t, lab);

    await changeCache(lab, 'rm *');
    await lab.node().powerOff();
    const { tap } = lab.node();
    for await (const step of lab.boot()) {
      if (!('event' in step) || step.event.stage !== 'initramfs') continue;
      await throttle(lab.namespace, tap, 4_000_000);
      const begun = await sentBytes(lab, tap);
      while ((await sentBytes(lab, tap)) - begun < 12_000_000) t.is(lab.node().ended(), undefined);
      break;
    }
    await lab.node().powerOff();
    await throttle(lab.namespace, tap, undefined);
    await again(lab);
    await contentIsRight(t, lab);
    t.is(imageBytes(await again(lab)), 0, 'after a power cut in mid-write the next boot made the cache whole');
  });
});

test('uefi, disked: an empty disk, then a root that is kept because it is unchanged', async t => {
  const attributes = { ...DISK_ATTRIBUTES, _disk_wipe: 'changed' };
  await withLab(t, { ...DISKED, firmware: 'uefi', attributes }, async lab => {
    await lab.bootUp();
    await timelineIsComplete(t, lab, [], 'disked');
    await contentIsRight(t, lab);
    await runInside(lab.node(), 'echo mine > /root/kept; sync');
    const kept = await again(lab);
    t.is(imageBytes(kept), 0);
    t.is((await runInside(lab.node(), 'cat /root/kept')).output.trim(), 'mine');
    // Another root partition that is none: said before anything is fetched.
    await lab.muster('node', '-i', 'n0', 'set', '_disk_root=/dev/vda9');
    await lab.node().powerOff();
    let end: Step | undefined;
    for await (const step of lab.boot()) end = step;
    if (!end || !('end' in end) || end.end !== 'stuck') return t.fail(`the boot ended with ${JSON.stringify(end)}`);
    t.regex(end.reason, /there is no \/dev\/vda9 \(_disk_root\); there are: .*LABEL=cache.*LABEL=root/);
  });
});
