// What a program asked the kernel to do with its files, by strace, and whether all of it would survive a power cut.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { type RunResult, run } from '../../src/process/run.ts';
import { temporaryFolder } from '../store/folder.ts';
import { findProgram } from './require.ts';

const CALLS =
  'openat,write,pwrite64,pwritev,fsync,fdatasync,rename,renameat,renameat2,link,linkat,mkdir,mkdirat,unlink,unlinkat,ftruncate';

/** One finished call: its name, paths as the kernel saw them, and the text of its arguments. */
export interface Step {
  call: string;
  paths: string[];
  text: string;
}

/** Runs a program under strace and returns its calls in the order in which they ended. */
export async function traced(
  t: ExecutionContext,
  words: readonly string[],
): Promise<{ steps: Step[]; result: RunResult }> {
  const file = join(temporaryFolder(t), 'trace');
  const strace = ['-f', '-yy', '-s', '200', '-e', `trace=${CALLS}`, '-e', 'signal=none', '-o', file];
  const result = await run(findProgram('strace') ?? 'strace', [...strace, ...words]);
  return { steps: readTrace(readFileSync(file, 'utf8')), result };
}

/** The calls in the text of `strace -f -yy`; those that failed are left out. */
export function readTrace(text: string): Step[] {
  const begun = new Map<string, string>();
  const steps: Step[] = [];
  for (const line of text.split('\n')) {
    const [, thread = '', rest = ''] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const unfinished = /^(.*) <unfinished \.\.\.>$/.exec(rest);
    if (unfinished) {
      begun.set(thread, unfinished[1] ?? '');
      continue;
    }
    const whole = rest.replace(/^<\.\.\. \w+ resumed>/, () => begun.get(thread) ?? '');
    const [, call = '', args = '', returned = ''] = /^(\w+)\((.*)\) += (-?\d+)/.exec(whole) ?? [];
    if (call === '' || returned.startsWith('-')) continue;
    steps.push({ call, paths: pathsIn(call, args), text: args });
  }
  return steps;
}

function pathsIn(call: string, args: string): string[] {
  if (/^(write|pwrite64|pwritev|fsync|fdatasync|ftruncate)$/.test(call)) {
    const [, path = ''] = /^\d+<([^>]*)>/.exec(args) ?? [];
    return [path.replace(/ \(deleted\)$/, '')];
  }
  // Each path may stand behind the folder that it counts from.
  return Array.from(args.matchAll(/(?:(?:AT_FDCWD|\d+)<([^>]*)>, )?"([^"]*)"/g), ([, base = '', path = '']) =>
    path.startsWith('/') ? path : join(base, path),
  );
}

export interface DurableRules {
  /** What must survive. */
  isDurable(path: string): boolean;
  /** The text with which the program says that it is done. */
  acknowledgement: string;
  /** Names that were there before the program began. */
  existing: ReadonlySet<string>;
}

/** Every name below a folder, and the folder's own. */
export function namesBelow(folder: string): Set<string> {
  if (!existsSync(folder)) return new Set();
  const names = readdirSync(folder, { recursive: true }) as string[];
  return new Set([folder, ...names.map(name => join(folder, name))]);
}

/**
 * What a power cut right after the acknowledgement could lose: bytes that were written and not synced, names whose folder was not synced. Also
 * a name that was given to a file whose bytes were not on disk. Empty when all is right; an absent acknowledgement is a fault too.
 */
export function faults(steps: readonly Step[], { isDurable, acknowledgement, existing }: DurableRules): string[] {
  const known = new Set(existing);
  const dirty = new Set<string>();
  /** Names that their folder does not have on disk yet. */
  const unnamed = new Set<string>();
  const found: string[] = [];
  const name = (path: string): void => {
    if (!known.has(path)) unnamed.add(path);
    known.add(path);
  };
  for (const { call, paths, text } of steps) {
    const [path = '', to = path] = paths;
    if (/^p?write/.test(call) && text.includes(acknowledgement)) {
      const lost = [...new Set([...dirty, ...unnamed])].filter(isDurable);
      const all = [
        ...found,
        ...lost.filter(one => dirty.has(one)).map(one => `the bytes of ${one} are not synced`),
        ...lost.filter(one => unnamed.has(one)).map(one => `the folder of ${one} is not synced`),
        ...foldersAbove([...known].filter(isDurable), unnamed),
      ];
      return [...new Set(all)];
    }
    if (call === 'openat' && text.includes('O_CREAT')) name(path);
    else if (call.startsWith('mkdir')) name(path);
    else if (call.startsWith('p') || call === 'write' || call === 'ftruncate') dirty.add(path);
    else if (call === 'fsync' || call === 'fdatasync') {
      dirty.delete(path);
      // A folder: the names in it are on disk.
      for (const one of [...unnamed]) if (dirname(one) === path) unnamed.delete(one);
    } else if (call.startsWith('rename') || call.startsWith('link')) {
      if (isDurable(to) && dirty.has(path)) found.push(`${to} gets its name before its bytes are synced`);
      move(path, to, [dirty, unnamed, known], call.startsWith('link'));
      unnamed.add(to);
    } else if (call.startsWith('unlink')) for (const set of [dirty, unnamed, known]) set.delete(path);
  }
  return [...found, `'${acknowledgement}' was never said`];
}

function foldersAbove(durable: readonly string[], unnamed: ReadonlySet<string>): string[] {
  return [...unnamed]
    .filter(folder => durable.some(path => path.startsWith(`${folder}/`)))
    .map(folder => `${folder} has no name on disk`);
}

/** A folder is moved with all in it. */
function move(from: string, to: string, sets: readonly Set<string>[], keep: boolean): void {
  for (const set of sets)
    for (const path of [...set])
      if (path === from || path.startsWith(`${from}/`)) {
        if (!keep) set.delete(path);
        set.add(to + path.slice(from.length));
      }
}
