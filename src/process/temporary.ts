// Temporary folders, where the system keeps them: below TMPDIR, else /tmp.
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MusterError, reasonOf, systemCode } from '../errors.ts';

/** Makes a new folder with this name prefix; the caller removes it. Throws `bad-value` when there is no place for one. */
export async function temporaryFolder(name: string): Promise<string> {
  return mkdtemp(join(tmpdir(), name)).catch((error: unknown) => {
    if (systemCode(error) === 'ENOSPC') throw error;
    throw new MusterError('bad-value', `There is no folder for temporary files: ${reasonOf(error)}`, {
      cause: error,
      hint: 'The environment names it: TMPDIR=/FOLDER',
    });
  });
}
