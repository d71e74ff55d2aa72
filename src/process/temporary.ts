// Folders for files meanwhile, where the system keeps such: below TMPDIR, else /tmp.
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MusterError, reasonOf, systemCode } from '../errors.ts';

/** A new folder whose name begins so; the caller removes it. Errors: `bad-value` when there is no place for any. */
export async function temporaryFolder(name: string): Promise<string> {
  return mkdtemp(join(tmpdir(), name)).catch((error: unknown) => {
    if (systemCode(error) === 'ENOSPC') throw error;
    throw new MusterError('bad-value', `There is no folder for temporary files: ${reasonOf(error)}`, {
      cause: error,
      hint: 'The environment names it: TMPDIR=/FOLDER',
    });
  });
}
