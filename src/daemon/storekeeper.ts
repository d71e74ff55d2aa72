// Regularly removes unused stored files and abandoned uploads.
import { type Collected, collectGarbage } from '../blobs/garbage.ts';
import { reasonOf } from '../errors.ts';
import type { State, Stops } from './state.ts';

const HOUR_MS = 3_600_000;

type Needs = Pick<State, 'config' | 'blobs' | 'cluster' | 'log' | 'users' | 'oldHeads' | 'uploads'>;

/** The work of `muster storage gc` and of the storekeeper's timer. */
export async function collect(
  { blobs, cluster, users, oldHeads, uploads, log }: Omit<Needs, 'config'>,
  dryRun: boolean,
  youngMs?: number,
): Promise<Collected> {
  if (!dryRun) await uploads.sweep();
  await oldHeads.refresh(text => log.warn(text));
  return collectGarbage(blobs, cluster, users, { dryRun, ...(youngMs !== undefined && { youngMs }) });
}

/** @param every calls back repeatedly, until the returned function is called */
export function startStorekeeper(state: Needs, stops: Stops, every = timer): void {
  const { config, log } = state;
  const hours = config['storage.gc_hours'];
  let running: Promise<void> = Promise.resolve();
  const tidy = async (): Promise<void> => {
    try {
      const { removed, missing, short } = await collect(state, false);
      const bytes = removed.reduce((sum, { size }) => sum + size, 0);
      if (removed.length > 0) log.info({ files: removed.length, bytes }, 'storage: removed files that nothing needs');
      for (const { sha256, keptBy } of missing) log.error({ sha256, keptBy }, 'storage: a stored file is missing');
      for (const { sha256, size, wanted, keptBy } of short)
        log.error({ sha256, size, wanted, keptBy }, 'storage: a stored file is too short');
    } catch (error) {
      log.error({ error: reasonOf(error) }, 'storage: files that nothing needs could not be removed');
    }
  };
  const sweep = async (): Promise<void> => {
    await state.uploads
      .sweep()
      .catch(error => log.error({ error: reasonOf(error) }, 'storage: idle uploads could not be removed'));
  };
  // Uploads have a separate limit, and are also removed where an administrator collects the rest.
  const jobs = [{ work: sweep, ms: HOUR_MS }, ...(hours > 0 ? [{ work: tidy, ms: hours * HOUR_MS }] : [])];
  const ends = jobs.map(({ work, ms }) =>
    every(ms, () => {
      running = running.then(work);
    }),
  );
  stops.push(async () => {
    for (const end of ends) end();
    await running;
  });
}

function timer(milliseconds: number, run: () => void): () => void {
  const running = setInterval(run, milliseconds);
  return () => clearInterval(running);
}
