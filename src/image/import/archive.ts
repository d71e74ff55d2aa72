// Unpacks archives with tar, so that nothing is written outside the target folder.

import type { Readable } from 'node:stream';
import { DIES_WITH_PARENT, run, toolFailed } from '../../process/run.ts';

/**
 * GNU tar strips `/` from names, refuses `..`, and creates links that lead out only at the end, so that no later member
 * goes through them. The folder must be new, because tar would follow an existing link.
 */
const EXTRACT: readonly string[] = [
  'tar',
  '--extract',
  '--numeric-owner',
  '--same-permissions',
  '--same-owner',
  '--xattrs',
  '--xattrs-include=*',
  '--acls',
  '--selinux',
  '--delay-directory-restore',
  '--warning=no-timestamp',
];

/** Unpacks a file or a stream into a new and empty folder. Errors: `tool-failed`, `disk-full`. */
export async function extract(source: string | Readable, folder: string, signal?: AbortSignal): Promise<void> {
  const [program = '', ...words] = [...DIES_WITH_PARENT, ...EXTRACT];
  const file = typeof source === 'string' ? source : '-';
  const result = await run(program, [...words, '--directory', folder, '--file', file], {
    package: 'tar',
    env: { LC_ALL: 'C.UTF-8' },
    keepBytes: 65_536,
    ...(typeof source === 'string' ? {} : { input: source }),
    ...(signal && { signal }),
  });
  if (result.status !== 0) throw toolFailed(`tar --extract ${file === '-' ? '' : file}`.trim(), result);
}
