// Removes, from time to time, stored files that nothing needs any more: an image that was deleted frees its room by itself.
import { collectGarbage } from '../blobs/garbage.ts';
import { reasonOf } from '../errors.ts';
import type { State, Stops } from './state.ts';

const HOUR_MS = 3_600_000;

export function startStorekeeper({ config, blobs, cluster, boots, log, now }: State, stops: Stops): void {
  const hours = config['storage.gc_hours'];
  if (hours === 0) return;
  let running: Promise<void> = Promise.resolve();
  const collect = async (): Promise<void> => {
    try {
      const { removed, missing } = await collectGarbage(blobs, cluster, boots, { dryRun: false, now });
      const bytes = removed.reduce((sum, { size }) => sum + size, 0);
      if (removed.length > 0) log.info({ files: removed.length, bytes }, 'storage: removed files that nothing needs');
      for (const { sha256, keptBy } of missing) log.error({ sha256, keptBy }, 'storage: a stored file is missing');
    } catch (error) {
      log.error({ error: reasonOf(error) }, 'storage: files that nothing needs could not be removed');
    }
  };
  const timer = setInterval(() => {
    running = running.then(collect);
  }, hours * HOUR_MS);
  stops.push(async () => {
    clearInterval(timer);
    await running;
  });
}
