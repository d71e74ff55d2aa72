// A state folder of the test's own, and small file systems to fill up.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { run, runOk } from '../../src/process/run.ts';

export function temporaryFolder(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'muster-test-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A folder on a file system of so many MiB. Needs root. */
export async function smallFileSystem(t: ExecutionContext, megabytes: number): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'muster-small-'));
  await runOk('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'muster-test', folder]);
  t.teardown(async () => {
    // Lazily: a file that is still open must not keep it mounted for ever.
    await run('umount', ['--lazy', folder]);
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}
