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

/** A long list, each name in double quotes. */
const VERBOSE = ['--verbose', '--verbose', '--quoting-style=c'];

/**
 * Marks of a layer come to be one file: where the layer has a link or a file in place of a folder, marks below that name could not be
 * made, and would be in its way. The list has their own names. In the C locale, for names need not be UTF-8.
 */
const MARKS = [`--transform=s,^\\(.*/\\)\\?\\.wh\\.[^/]*$,.wh..wh.mark,SH`];

/** A member of an archive. Names need not be UTF-8: each character here is a byte of the name (latin1). */
export interface Member {
  name: string;
  isFolder: boolean;
  /** The name that a hard link is to. */
  linkTo?: string;
}

/** For layers, whose hard links may be to files of the layers below. */
export interface LayerOptions {
  onMember: (member: Member) => void;
  /** Hard links to what is not there are left out, and are no failure. */
  leavesLinks: boolean;
}

/** Unpacks a file, or what comes as a stream, into a new and empty folder. Errors: `tool-failed`, `disk-full`. */
export async function extract(
  source: string | Readable,
  folder: string,
  signal?: AbortSignal,
  layer?: LayerOptions,
): Promise<void> {
  const [program = '', ...words] = [...DIES_WITH_PARENT, ...EXTRACT];
  const file = typeof source === 'string' ? source : '-';
  let hasOtherFault = false;
  const onLine = (line: string, stream: 'stdout' | 'stderr'): void => {
    if (stream === 'stderr') hasOtherFault ||= !LINK_FAULT.test(line);
    else {
      const member = memberOf(line);
      if (member) layer?.onMember(member);
    }
  };
  const result = await run(
    program,
    [...words, ...(layer ? [...VERBOSE, ...MARKS] : []), '--directory', folder, '--file', file],
    {
      package: 'tar',
      env: { LC_ALL: layer ? 'C' : 'C.UTF-8' },
      keepBytes: 65_536,
      ...(layer && { onLine }),
      ...(typeof source === 'string' ? {} : { input: source }),
      ...(signal && { signal }),
    },
  );
  if (result.status === 2 && layer?.leavesLinks && !hasOtherFault) return;
  if (result.status !== 0) throw toolFailed(`tar --extract ${file === '-' ? '' : file}`.trim(), result);
}

/** What tar says of a hard link to what is not there, and beside it. */
const LINK_FAULT =
  /: Cannot hard link to .*: No such file or directory$|: Removing leading |: Exiting with failure status due to previous errors$/;

/** `hrw-r--r-- 0/0 0 2026-01-02 03:04 "usr/bin/b" link to "usr/bin/a"`. */
function memberOf(line: string): Member | undefined {
  const [, type = '', name, linkTo] =
    /^(.)[^"]*"((?:[^"\\]|\\.)*)"(?: (?:->|link to) "((?:[^"\\]|\\.)*)")?$/.exec(line) ?? [];
  // tar says so of a folder that it makes for what is in it.
  if (name === undefined || /^[^"]* Creating directory: /.test(line)) return undefined;
  const isLink = type === 'h' && linkTo !== undefined;
  return { name: unescaped(name), isFolder: type === 'd', ...(isLink && { linkTo: unescaped(linkTo) }) };
}

/** Undoes tar's quoting style `c`: octal numbers and letters for what cannot be printed. */
function unescaped(name: string): string {
  const letters: Readonly<Record<string, string>> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };
  const bytes = Buffer.from(name, 'utf8').toString('latin1');
  return bytes.replace(/\\([0-7]{3}|[\s\S])/g, (_all, code: string) =>
    code.length === 3 ? String.fromCharCode(Number.parseInt(code, 8)) : (letters[code] ?? code),
  );
}
