// The one way to start another program: an argument array, never a shell string; its last output is kept for the error.
import { AsyncLocalStorage } from 'node:async_hooks';
import { spawn } from 'node:child_process';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { MusterError, systemCode } from '../errors.ts';
import { Running, statusOf } from './running.ts';

export interface RunOptions {
  cwd?: string;
  /** Added to the environment of this process; with `cleanEnv` the whole of it. */
  env?: Record<string, string>;
  cleanEnv?: boolean;
  /** Standard input; nothing when absent. A stream is sent as it arrives. */
  input?: string | Uint8Array | Readable;
  /** The program gets this process's own standard input, output and error: a shell for an administrator. */
  terminal?: boolean;
  /**
   * Ends the program and everything it has started (SIGTERM, then SIGKILL two seconds later) after this many milliseconds. The
   * result follows soon, whatever happens to them.
   */
  timeoutMs?: number;
  /** Ends the program (SIGTERM, then SIGKILL two seconds later); the call rejects at once. */
  signal?: AbortSignal;
  /** Whether the signal also ends everything that the program has started (SIGKILL to its own process group); it is then a result. */
  group?: boolean;
  /** Receives each line of standard output and error as it arrives. */
  onLine?: (line: string, stream: 'stdout' | 'stderr') => void;
  /** Receives standard output as it arrives, in pieces of any length. */
  onText?: (text: string) => void;
  /** The Debian package of the program, for the error when it is missing. */
  package?: string;
  /** Bytes kept of each stream, from the end; 1 MiB when absent. */
  keepBytes?: number;
}

export interface RunResult {
  /** Exit status; 128 + signal number after a signal, as in a shell. */
  status: number;
  stdout: string;
  stderr: string;
}

/** The signal that ends everything running below it. */
const interruption = new AsyncLocalStorage<AbortSignal>();

/** Runs `work`; the signal kills (SIGKILL) every program started in it, however deep, and any that it would start afterwards. */
export async function interruptedBy<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  return interruption.run(signal, work);
}

/** Calls `end` when the surrounding work is aborted; returns an undo function. */
function endWithWork(end: () => void): () => void {
  return onAbort(interruption.getStore(), end);
}

/** Calls `act` when the signal is aborted, or at once if it is; returns an undo function. */
function onAbort(signal: AbortSignal | undefined, act: () => void): () => void {
  if (signal?.aborted) act();
  else signal?.addEventListener('abort', act, { once: true });
  return () => signal?.removeEventListener('abort', act);
}

/** How many programs use this program's terminal now. */
let lent = 0;

/** Returns whether a program that this one runs has its terminal: then Ctrl-C is for that program. */
export function isTerminalLent(): boolean {
  return lent > 0;
}

/** Runs a program to its end. Any exit status is a result; throws `tool-missing` for a program that cannot be started. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const running = start(command, args, options);
  const { child } = running;
  const isAlone = endWithWork(() => running.end());
  const isUnheard = options.group ? onAbort(options.signal, () => running.end()) : () => {};
  const stdout = collect(child.stdout, options, 'stdout');
  const stderr = collect(child.stderr, options, 'stderr');
  if (options.timeoutMs !== undefined) running.endAfter(options.timeoutMs);
  // Ctrl-C is for the program in the terminal; this process continues when it has ended.
  const ignore = (): void => {};
  if (options.terminal) {
    lent += 1;
    process.on('SIGINT', ignore);
  }
  try {
    const status = await ended(command, running, options);
    return { status, stdout: stdout(), stderr: stderr() };
  } finally {
    if (options.terminal) {
      lent -= 1;
      process.off('SIGINT', ignore);
    }
    running.done();
    isAlone();
    isUnheard();
  }
}

/** Runs a program with standard output read as it arrives. `ended` says how it ended; its `stdout` is empty. */
export function stream(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): { output: Readable; ended: Promise<RunResult> } {
  const running = start(command, args, options);
  const { child } = running;
  const isAlone = endWithWork(() => running.end());
  if (options.timeoutMs !== undefined) running.endAfter(options.timeoutMs);
  const stderr = collect(child.stderr, options, 'stderr');
  const status = ended(command, running, options).finally(() => {
    isAlone();
    running.done();
  });
  return {
    output: child.stdout ?? Readable.from([]),
    ended: status.then(code => ({ status: code, stdout: '', stderr: stderr() })),
  };
}

function start(command: string, args: readonly string[], options: RunOptions): Running {
  // Ctrl-C at the terminal is for the program, which must stay in its group.
  const isGroup = options.group === true || (options.timeoutMs !== undefined && options.terminal !== true);
  const own = options.env ?? {};
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: options.cleanEnv ? own : { ...process.env, ...own },
    stdio: options.terminal ? 'inherit' : [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    detached: isGroup,
    ...(!options.group && { signal: options.signal }),
  });
  // A program that ends without reading its input closes the pipe: its exit status says why.
  child.stdin?.on('error', () => {});
  if (child.stdin && options.input instanceof Readable) pipeline(options.input, child.stdin).catch(() => {});
  else child.stdin?.end(options.input);
  const running = new Running(child, isGroup);
  if (!options.group)
    child.once(
      'close',
      onAbort(options.signal, () => running.killSoon()),
    );
  return running;
}

async function ended(command: string, running: Running, options: RunOptions): Promise<number> {
  try {
    return await running.ended();
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    const remedy = options.package ? `; install the package ${options.package}` : '';
    throw new MusterError('tool-missing', `The program '${command}' is not installed${remedy}.`, { cause: error });
  }
}

/** Arguments that make a program die with its parent: `prctl(2)` PR_SET_PDEATHSIG. */
export const DIES_WITH_PARENT: readonly string[] = ['setpriv', '--pdeathsig', 'KILL', '--'];

/** As `run`, but throws `tool-failed` with the program's last output for an exit status other than 0. */
export async function runOk(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const result = await run(command, args, options);
  if (result.status === 0) return result.stdout;
  throw toolFailed([command, ...args].join(' '), result);
}

/**
 * Returns the error of a program that failed, with its last output; a full disk has its own code.
 * @param what the command, or its name for people; it is quoted
 * @param where follows it: `in the image 'Img'`
 */
export function toolFailed(what: string, { status, stdout, stderr }: RunResult, where?: string): MusterError {
  const name = `'${what}'${where === undefined ? '' : ` ${where}`}`;
  const full = /^.*(?:No space left on device|ENOSPC).*$/im.exec(`${stderr}\n${stdout}`)?.[0];
  if (full !== undefined) return new MusterError('disk-full', `${name} found no room on the disk: ${full.trim()}`);
  return new MusterError('tool-failed', `${name} ended with status ${status}: ${lastLines(stderr || stdout, 5)}`);
}

/** Runs a program on the terminal of this one; returns its exit status. */
export async function runOnTerminal(command: string, args: readonly string[], packageName?: string): Promise<number> {
  const child = spawn(command, args, { stdio: 'inherit' });
  return new Promise((resolve, reject) => {
    child.once('error', error => {
      const remedy = packageName ? `; install the package ${packageName}` : '';
      reject(new MusterError('tool-missing', `The program '${command}' cannot be started${remedy}.`, { cause: error }));
    });
    child.once('close', (code, signal) => resolve(statusOf(code, signal)));
  });
}

function lastLines(text: string, count: number): string {
  return text.trim().split('\n').slice(-count).join('; ') || 'it printed nothing';
}

function collect(stream: NodeJS.ReadableStream | null, options: RunOptions, name: 'stdout' | 'stderr'): () => string {
  const limit = options.keepBytes ?? 1 << 20;
  let kept = '';
  let line = '';
  stream?.setEncoding('utf8');
  stream?.on('data', (chunk: string) => {
    kept = (kept + chunk).slice(-limit);
    if (name === 'stdout') options.onText?.(chunk);
    if (!options.onLine) return;
    const parts = (line + chunk).split(/\r?\n/);
    line = (parts.pop() ?? '').slice(-limit);
    for (const part of parts) options.onLine(part, name);
  });
  stream?.on('end', () => {
    if (line) options.onLine?.(line, name);
  });
  return () => kept;
}
