// Says whether a test can run here; what cannot is skipped with its reason, and on CI such a skip is a failure.
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { ExecutionContext } from 'ava';

export interface Needs {
  root?: boolean;
  /** Programs that must be found. */
  programs?: readonly string[];
  /** Files that must be there. */
  files?: readonly string[];
}

// The system's folders first: npm puts programs of packages before them that have the same names (`nft`).
const FOLDERS = ['/usr/sbin', '/usr/bin', '/sbin', '/bin', ...(process.env['PATH'] ?? '').split(delimiter)];

/** The full path of a program, also from the system folders that an ordinary PATH lacks. */
export function findProgram(name: string): string | undefined {
  return FOLDERS.map(folder => join(folder, name)).find(path => readable(path, constants.X_OK));
}

/** True when the test can run. Otherwise the test passes as skipped (`SKIP` in its log), or fails on CI. */
export function requireAll(t: ExecutionContext, needs: Needs): boolean {
  const missing = [
    ...(needs.root && process.getuid?.() !== 0 ? ['root'] : []),
    ...(needs.programs ?? []).filter(name => !findProgram(name)).map(name => `the program ${name}`),
    ...(needs.files ?? []).filter(path => !readable(path, constants.R_OK)).map(path => `the file ${path}`),
  ];
  if (missing.length === 0) return true;
  skip(t, `needs ${missing.join(', ')}`);
  return false;
}

/** Passes the test as skipped (`SKIP` in its log), or fails it on CI. */
export function skip(t: ExecutionContext, reason: string): void {
  if (process.env['CI'] === 'true') t.fail(`on CI nothing is skipped: ${reason}`);
  else {
    t.log(`SKIP ${reason}`);
    t.pass();
  }
}

function readable(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}
