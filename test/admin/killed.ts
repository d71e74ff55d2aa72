// Daemons that are killed with SIGKILL: by a test, or by strace before a system call.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { packageRoot } from '../../src/package-root.ts';
import { findProgram } from '../support/require.ts';

const PROGRAM = [process.execPath, join(packageRoot, 'dist/test/admin/serve.js')];

interface Served {
  child: ChildProcess;
  /** Resolves when it has ended. */
  closed: Promise<unknown>;
}

/** Starts a daemon; resolves when it is ready. One that does not start is an error with its words. */
export async function serve(t: ExecutionContext, folder: string, before: readonly string[] = []): Promise<Served> {
  const [program = '', ...words] = [...before, ...PROGRAM, folder];
  const child = spawn(program, words, {
    stdio: ['ignore', 'pipe', 'pipe'],
    // strace counts the calls of each thread: with one for files they are all counted together.
    env: { ...process.env, UV_THREADPOOL_SIZE: '1' },
  });
  t.teardown(() => child.kill('SIGKILL'));
  let said = '';
  child.stderr.on('data', chunk => {
    said += String(chunk);
  });
  const closed = once(child, 'close');
  const isReady = await Promise.race([once(child.stdout, 'data').then(() => true), closed.then(() => false)]);
  if (!isReady) throw new Error(`the daemon did not start: ${said}`);
  return { child, closed };
}

/** The call before which each round kills the daemon: as a file gets its name, as one is synced, as one is written. */
function killAt(round: number): { call: string; nth: number } {
  const call = ['rename', 'fsync', 'pwrite64'][round % 3] ?? '';
  // Beyond what the start itself calls, and not always the same place of an upload.
  const first = { rename: 3, fsync: 40, pwrite64: 100 }[call] ?? 0;
  return { call, nth: first + round * (call === 'rename' ? 1 : 3) };
}

/** A daemon that will be killed, once it is ready. */
export async function serveKilled(t: ExecutionContext, folder: string, round: number): Promise<Served> {
  const { call, nth } = killAt(round);
  const inject = ['-e', `trace=${call}`, '-e', `inject=${call}:signal=SIGKILL:when=${nth}`];
  return serve(t, folder, [findProgram('strace') ?? 'strace', '-f', '-qq', '-o', '/dev/null', ...inject]);
}
