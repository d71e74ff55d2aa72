// Unpacks archives with tar, so that nothing is written outside the target folder.

import { PassThrough, type Readable } from 'node:stream';
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

/**
 * Unpacks an archive as it arrives, and reads its stream to the end: tar is done when the archive is, and what follows, such as the
 * trailers of an HTTP answer, would never be seen. @param saw receives each piece
 */
export async function extractAll(source: Readable, folder: string, saw: (chunk: Buffer) => void): Promise<void> {
  const pieces = new PassThrough();
  pieces.on('data', saw);
  let broken: unknown;
  source.once('error', error => {
    broken = error;
    pieces.destroy(error);
  });
  try {
    await extract(source.pipe(pieces), folder);
    // tar takes an early end between two members for the end of the archive
    if (broken !== undefined) throw broken;
    // Not before it is loose: the end of the pipe to tar would pause it again
    source.unpipe(pieces);
    source.resume();
  } catch (error) {
    // The other side must not go on packing if nobody reads.
    source.destroy();
    throw error;
  }
}
