// What is still in memory after some work: for tests that feed something without end.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Returns the bytes of heap that `work` left behind. The first time it runs is not counted: caches are filled and code is compiled. */
export async function retained(work: () => void | Promise<void>): Promise<number> {
  await work();
  const before = await heap();
  await work();
  return (await heap()) - before;
}

async function heap(): Promise<number> {
  // What waits for the next turn of the event loop holds memory too
  for (let turn = 0; turn < 5; turn += 1) {
    await new Promise(resolve => setImmediate(resolve));
    collect();
  }
  return process.memoryUsage().heapUsed;
}
