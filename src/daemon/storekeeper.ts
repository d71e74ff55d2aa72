// Removes, from time to time, stored files that nothing needs any more: an image that was deleted frees its room by itself.
import { type BlobUsers, collectGarbage } from '../blobs/garbage.ts';
import { reasonOf } from '../errors.ts';
import type { State, Stops } from './state.ts';

const HOUR_MS = 3_600_000;

type Needs = Pick<State, 'config' | 'blobs' | 'cluster' | 'log' | 'now'> & { boots: BlobUsers };

/** @param every calls back again and again, until its answer is called */
export function startStorekeeper(
  { config, blobs, cluster, boots, log, now }: Needs,
  stops: Stops,
  every = timer,
): void {
  const hours = config['storage.gc_hours'];
  if (hours === 0) return;
  let running: Promise<void> = Promise.resolve();
  const collect = async (): Promise<void> => {
    try {
      const { removed, missing, short } = await collectGarbage(blobs, cluster, boots, { dryRun: false, now });
      const bytes = removed.reduce((sum, { size }) => sum + size, 0);
      if (removed.length > 0) log.info({ files: removed.length, bytes }, 'storage: removed files that nothing needs');
      for (const { sha256, keptBy } of missing) log.error({ sha256, keptBy }, 'storage: a stored file is missing');
      for (const { sha256, size, wanted, keptBy } of short)
        log.error({ sha256, size, wanted, keptBy }, 'storage: a stored file is too short');
    } catch (error) {
      log.error({ error: reasonOf(error) }, 'storage: files that nothing needs could not be removed');
    }
  };
  const stop = every(hours * HOUR_MS, () => {
    running = running.then(collect);
  });
  stops.push(async () => {
    stop();
    await running;
  });
}

function timer(milliseconds: number, run: () => void): () => void {
  const running = setInterval(run, milliseconds);
  return () => clearInterval(running);
}
