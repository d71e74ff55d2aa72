// A share of one processor for a server and all its threads, by the kernel's CPU controller: the load generators of a benchmark on
// one machine come to their own end before a quick server does, and a server that is held back is measured where they are not.
import { existsSync } from 'node:fs';
import { mkdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

/** Short, so that a server which has used up its share waits for some milliseconds only. */
const PERIOD_MICROSECONDS = 10_000;

export interface ProcessorShare {
  /** Takes the group away, after the process has ended. */
  end(): Promise<void>;
  /** The process, which goes on, and its children have all processors again. */
  lift(): Promise<void>;
}

/**
 * Holds a process to a share of one processor. Rejects where the kernel's CPU controller cannot be had (it needs root, and a
 * control group file system of either version).
 * @param share 0.5 is half of one processor
 */
export async function processorShare(pid: number, share: number): Promise<ProcessorShare> {
  const quota = Math.round(share * PERIOD_MICROSECONDS);
  const name = `muster-bench-${pid}`;
  const first = '/sys/fs/cgroup/cpu';
  const isFirst = existsSync(`${first}/cgroup.procs`);
  const parent = isFirst ? first : '/sys/fs/cgroup';
  const group = `${parent}/${name}`;
  await mkdir(group);
  if (isFirst) {
    await writeFile(`${group}/cpu.cfs_period_us`, `${PERIOD_MICROSECONDS}`);
    await writeFile(`${group}/cpu.cfs_quota_us`, `${quota}`);
  } else {
    await writeFile(`${parent}/cgroup.subtree_control`, '+cpu');
    await writeFile(`${group}/cpu.max`, `${quota} ${PERIOD_MICROSECONDS}`);
  }
  await writeFile(`${group}/cgroup.procs`, `${pid}`);
  const end = async (): Promise<void> => {
    // The kernel forgets the last thread of an ended process a moment after it is reaped
    for (let attempt = 0; attempt < 50; attempt += 1) {
      try {
        await rmdir(group);
        return;
      } catch {
        await delay(20);
      }
    }
  };
  return {
    end,
    async lift() {
      const members = (await readFile(`${group}/cgroup.procs`, 'utf8')).split('\n').filter(Boolean);
      for (const member of members) await writeFile(`${parent}/cgroup.procs`, member).catch(() => {});
      await end();
    },
  };
}
