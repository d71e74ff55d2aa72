// Renders the files of all nodes after a change of the objects, one node at a time, so that they are ready in a boot storm.
import type { NodeFiles } from './node-files.ts';
import type { State } from './state.ts';

/** Milliseconds without a change before it begins: changes often come several at a time. */
const QUIET_MS = 2000;

type Parts = Pick<State, 'cluster'> & {
  store: { subscribe(listener: () => void): () => void };
  files: Pick<NodeFiles, 'prepare' | 'warm'>;
};

/** Begins with all nodes at once; returns a function that ends it. */
export function prepareFiles({ cluster, store, files }: Parts, quietMs = QUIET_MS): () => void {
  let timer: NodeJS.Timeout | undefined;
  let round = 0;
  const prepareAll = async (): Promise<void> => {
    round += 1;
    const own = round;
    await files.warm(cluster);
    for (const { uid } of cluster.all('node')) {
      if (own !== round) return;
      if (!(await files.prepare(cluster, uid))) return;
      // Lets what waits in the event loop run first
      await new Promise(resolve => setImmediate(resolve));
    }
  };
  const later = (milliseconds: number): void => {
    clearTimeout(timer);
    round += 1;
    timer = setTimeout(() => void prepareAll(), milliseconds);
    timer.unref();
  };
  const unsubscribe = store.subscribe(() => later(quietMs));
  later(0);
  return () => {
    unsubscribe();
    clearTimeout(timer);
    round += 1;
  };
}
