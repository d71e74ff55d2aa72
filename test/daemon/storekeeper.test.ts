// Stored files that nothing needs go by themselves, once an hour; those that something needs, and those that have just come, stay.
import { createHash } from 'node:crypto';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { OldHeads } from '../../src/backup/old-heads.ts';
import { Blobs } from '../../src/blobs/blobs.ts';
import { Uploads } from '../../src/blobs/uploads.ts';
import { defaultConfig } from '../../src/config.ts';
import type { Stops } from '../../src/daemon/state.ts';
import { startStorekeeper } from '../../src/daemon/storekeeper.ts';
import { silentLog } from '../../src/log.ts';
import { Cluster } from '../../src/model/cluster.ts';
import { temporaryFolder } from '../cli/folder.ts';

const HOUR = 3_600_000;

async function keeper(t: ExecutionContext, hours: number) {
  const folder = await temporaryFolder(t);
  const clock = { ahead: 0 };
  const now = (): number => Date.now() + clock.ahead;
  const blobs = new Blobs(folder, { wall: now, steady: () => clock.ahead });
  const store = async (text: string): Promise<string> => {
    const sha256 = createHash('sha256').update(text).digest('hex');
    writeFileSync(join(folder, 'new'), text);
    await blobs.adopt(join(folder, 'new'), sha256);
    return sha256;
  };
  const uploads = new Uploads(folder, () => 'u1', now);
  const [used, unused] = [await store('used'), await store('unused')];
  const timers: { ms: number; run: () => void; stopped: boolean }[] = [];
  const stops: Stops = [];
  const needs = {
    config: { ...defaultConfig(), 'storage.gc_hours': hours },
    blobs,
    cluster: new Cluster(),
    users: { usedBlobs: () => [{ sha256: used, by: 'boot b1 of n0' }] },
    oldHeads: await OldHeads.open(folder, text => t.fail(text)),
    uploads,
    log: silentLog(),
    now,
  };
  startStorekeeper(needs, stops, (ms, run) => {
    const timer = { ms, run, stopped: false };
    timers.push(timer);
    return () => {
      timer.stopped = true;
    };
  });
  const stop = async (): Promise<void> => {
    for (const one of stops) await one();
  };
  const left = (): string[] => readdirSync(join(folder, 'uploads'));
  return { blobs, uploads, left, used, unused, clock, timers, stop };
}

test('what nothing needs goes when it has been there for a while; what a boot needs stays', async t => {
  const { blobs, used, unused, clock, timers, stop } = await keeper(t, 2);
  t.deepEqual(
    timers.map(({ ms }) => ms),
    [HOUR, 2 * HOUR],
  );
  timers[1]?.run();
  // The end waits for what is under way.
  await stop();
  t.true(timers.every(({ stopped }) => stopped));
  t.true(await blobs.has(unused), 'it came a moment ago');
  clock.ahead = HOUR;
  timers[1]?.run();
  await stop();
  t.false(await blobs.has(unused));
  t.true(await blobs.has(used));
});

test('0 leaves removal to the administrator; abandoned uploads are removed anyway', async t => {
  const { timers, uploads, left, clock, stop } = await keeper(t, 0);
  t.is(timers.length, 1);
  await uploads.create(10);
  timers[0]?.run();
  await stop();
  t.deepEqual(left(), ['u1']);
  clock.ahead = HOUR + 1;
  timers[0]?.run();
  await stop();
  t.deepEqual(left(), []);
});
