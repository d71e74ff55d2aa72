// Archives unpacked by tar, so that nothing of them comes to lie outside the folder that is meant.

import type { Readable } from 'node:stream';
import { DIES_WITH_PARENT, run, toolFailed } from '../../process/run.ts';

/**
 * GNU tar strips `/` from names, refuses `..`, and makes links that lead out only when all else is done, so that no later member
 * goes through them. The folder must be new: a link that is there already would be followed.
 */
export const EXTRACT: readonly string[] = [
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

const VERBOSE = ['--verbose', '--quoting-style=escape'];

/**
 * Unpacks a file, or what comes as a stream, into a new and empty folder. `onName` is given the name of each member, folders with `/`
 * at their end. Errors: `tool-failed`, `disk-full`.
 */
export async function extract(
  source: string | Readable,
  folder: string,
  signal?: AbortSignal,
  onName?: (name: string) => void,
): Promise<void> {
  const [program = '', ...words] = [...DIES_WITH_PARENT, ...EXTRACT];
  const file = typeof source === 'string' ? source : '-';
  const result = await run(program, [...words, ...(onName ? VERBOSE : []), '--directory', folder, '--file', file], {
    package: 'tar',
    env: { LC_ALL: 'C.UTF-8' },
    keepBytes: 65_536,
    ...(onName && { onLine: (line, stream) => stream === 'stdout' && onName(unescaped(line)) }),
    ...(typeof source === 'string' ? {} : { input: source }),
    ...(signal && { signal }),
  });
  if (result.status !== 0) throw toolFailed(`tar --extract ${file === '-' ? '' : file}`.trim(), result);
}

/** Undoes tar's quoting style `escape`: octal numbers and letters for what cannot be printed. */
function unescaped(name: string): string {
  if (!name.includes('\\')) return name;
  const letters: Readonly<Record<string, string>> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };
  const bytes = Buffer.from(name, 'utf8').toString('latin1');
  const plain = bytes.replace(/\\([0-7]{3}|[\s\S])/g, (_all, code: string) =>
    code.length === 3 ? String.fromCharCode(Number.parseInt(code, 8)) : (letters[code] ?? code),
  );
  return Buffer.from(plain, 'latin1').toString('utf8');
}
