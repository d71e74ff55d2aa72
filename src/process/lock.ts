// A lock on a file, held by the kernel (flock) through a child: it is given back when this process ends, however it ends.
import { spawn } from 'node:child_process';
import { MusterError, systemCode } from '../errors.ts';

export interface Lock {
  release(): Promise<void>;
}

/** Status by which `flock --nonblock` says that another has it. */
const TAKEN = 75;

/** The lock of a file, which is created when absent; with `wait: false` undefined when another process holds it. */
export async function takeLock(file: string, options: { wait: boolean }): Promise<Lock | undefined> {
  const mode = options.wait ? [] : ['--nonblock', '--conflict-exit-code', String(TAKEN)];
  // `cat` ends when the pipe from this process is closed; `detached`, so that Ctrl-C does not end it early.
  const child = spawn('flock', [...mode, file, 'sh', '-c', 'echo held; exec cat >/dev/null'], {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
  let words = '';
  child.stderr.on('data', (chunk: Buffer) => {
    words += chunk.toString();
  });
  child.stdin.on('error', () => {});
  const exited = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', code => resolve(code ?? 1));
  });
  const held = new Promise<true>(resolve => child.stdout.once('data', () => resolve(true)));
  const outcome = await Promise.race([held, exited]).catch((error: unknown) => {
    if (systemCode(error) !== 'ENOENT') throw error;
    throw new MusterError('tool-missing', "The program 'flock' is not installed; install the package util-linux.");
  });
  if (outcome === TAKEN) return undefined;
  if (outcome !== true) throw new MusterError('not-allowed', `${file} cannot be locked: ${words.trim()}`);
  child.unref();
  for (const pipe of [child.stdin, child.stdout, child.stderr]) (pipe as unknown as { unref(): void }).unref();
  return {
    async release() {
      child.ref();
      child.stdin.end();
      await exited;
    },
  };
}

/** Runs `work` alone among all who lock the file. */
export async function withLock<T>(file: string, work: () => Promise<T>): Promise<T> {
  const lock = await takeLock(file, { wait: true });
  try {
    return await work();
  } finally {
    await lock?.release();
  }
}
