// What goes wrong on the way: an image damaged in storage, and a head that dies in the middle of a download.
import { open } from 'node:fs/promises';
import test from 'ava';
import type { Step } from '../../../lab/follow.ts';
import { throttle } from '../../../lab/network.ts';
import { labTest } from '../../support/lab.ts';
import { sentBytes, storedFiles } from '../inside.ts';

/** Changes one byte in the middle of a file. */
async function damage(path: string, size: number): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    const at = Math.floor(size / 2);
    const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, at);
    await handle.write(Buffer.from([(buffer[0] ?? 0) ^ 0xff]), 0, 1, at);
  } finally {
    await handle.close();
  }
}

labTest(
  test,
  'an image damaged in storage stops the boot before switch-root, and the timeline says why',
  {},
  async (t, lab) => {
    const image = (await storedFiles(lab)).at(-1);
    if (!image) throw new Error('nothing is stored');
    await damage(image.path, image.size);
    let end: Step | undefined;
    for await (const step of lab.boot()) end = step;
    if (!end || !('end' in end) || end.end !== 'stuck') return t.fail(`the boot ended with ${JSON.stringify(end)}`);
    t.regex(end.reason, /image/i);
    t.regex(end.reason, /SHA-256/i);
    const { stdout } = await lab.muster('node', '-i', 'n0', 'timeline');
    t.regex(stdout, /SHA-256/i, 'the reason stands on the timeline');
    t.notRegex(lab.node().serial.text(), /login:/, 'the system of the image was not started');
    const status = await lab.muster('node', 'status', 'n0', '--check');
    t.is(status.status, 1);
    t.regex(status.stdout, /failed/);
  },
);

labTest(
  test,
  'kill -9 of the daemon in mid-download: after its restart the node resumes and comes up',
  {},
  async (t, lab) => {
    const { tap } = lab.node();
    let fetching = false;
    let ended: Step | undefined;
    for await (const step of lab.boot()) {
      ended = step;
      if (!('event' in step) || step.event.stage !== 'initramfs' || fetching) continue;
      fetching = true;
      // 70 MB at 3 MB/s: the download is under way for long enough to be cut.
      await throttle(lab.namespace, tap, 3_000_000);
      const from = await sentBytes(lab, tap);
      while ((await sentBytes(lab, tap)) - from < 8_000_000) t.is(lab.node().ended(), undefined);
      await lab.head.crash();
      await throttle(lab.namespace, tap, undefined);
      await lab.head.start();
    }
    t.true(fetching);
    t.deepEqual(ended, { end: 'up' });
    const image = (await storedFiles(lab)).at(-1);
    const text = lab.node().serial.text();
    const resumed = /image at (\d+) of (\d+) bytes/.exec(text);
    t.truthy(resumed, 'the node says where it stopped');
    t.true(Number(resumed?.[1]) > 1_000_000, `it had a part: ${resumed?.[1]} of ${image?.size}`);
  },
);
