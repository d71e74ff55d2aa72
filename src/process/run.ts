// The one way to start another program: an argument array, never a shell string; its words kept for the error.
import { AsyncLocalStorage } from 'node:async_hooks';
import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { MusterError, systemCode } from '../errors.ts';

export interface RunOptions {
  cwd?: string;
  /** Added to the environment of this process; with `cleanEnv` the whole of it. */
  env?: Record<string, string>;
  cleanEnv?: boolean;
  /** For standard input; nothing when absent. A stream is sent as it comes. */
  input?: string | Uint8Array | Readable;
  /** The program gets this process's own standard input, output and error: a shell for an administrator. */
  terminal?: boolean;
  /** Ends the program (SIGTERM, then SIGKILL two seconds later) after this many milliseconds. */
  timeoutMs?: number;
  signal?: AbortSignal;
  /** Whether the signal ends all that the program has started too (SIGKILL to a process group of its own); it is then a result. */
  group?: boolean;
  /** Given each line of standard output and error as it comes. */
  onLine?: (line: string, stream: 'stdout' | 'stderr') => void;
  /** Given standard output as it comes, in pieces of any length. */
  onText?: (text: string) => void;
  /** The Debian package that has the program, for the error when it is missing. */
  package?: string;
  /** Bytes kept of each stream, the last ones; 1 MiB when absent. */
  keepBytes?: number;
}

export interface RunResult {
  /** Exit status; 128 + signal number when a signal ended it, as a shell says it. */
  status: number;
  stdout: string;
  stderr: string;
}

/** The signal that ends what runs below it. */
const interruption = new AsyncLocalStorage<AbortSignal>();

/** Runs `work`; the signal ends (SIGKILL) every program that is started in it, however deep, and any that it would start afterwards. */
export async function interruptedBy<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  return interruption.run(signal, work);
}

/** Ends the program with the work that it is a part of; answers what takes that back. */
function endWithWork(child: ChildProcess): () => void {
  const signal = interruption.getStore();
  const kill = (): void => void child.kill('SIGKILL');
  if (signal?.aborted) kill();
  else signal?.addEventListener('abort', kill, { once: true });
  return () => signal?.removeEventListener('abort', kill);
}

/** How many programs have the terminal of this one now. */
let lent = 0;

/** Whether a program that this one runs has its terminal: then Ctrl-C is for that program. */
export function isTerminalLent(): boolean {
  return lent > 0;
}

/** Runs a program to its end. Any exit status is a result; a program that cannot be started is `tool-missing`. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const child = start(command, args, options);
  const isAlone = endWithWork(child);
  const endGroup = (): void => killGroup(child.pid);
  if (options.group && options.signal?.aborted) endGroup();
  else if (options.group) options.signal?.addEventListener('abort', endGroup, { once: true });
  const stdout = collect(child.stdout, options, 'stdout');
  const stderr = collect(child.stderr, options, 'stderr');
  const stop = options.timeoutMs === undefined ? undefined : stopAfter(child, options.timeoutMs);
  // Ctrl-C is for the program in the terminal; this process goes on when it has ended.
  const ignore = (): void => {};
  if (options.terminal) {
    lent += 1;
    process.on('SIGINT', ignore);
  }
  try {
    const status = await ended(command, child, options);
    return { status, stdout: stdout(), stderr: stderr() };
  } finally {
    if (options.terminal) {
      lent -= 1;
      process.off('SIGINT', ignore);
    }
    stop?.();
    isAlone();
    options.signal?.removeEventListener('abort', endGroup);
  }
}

/** A program whose standard output is read as it comes. `ended` says how it ended; its `stdout` is empty. */
export function stream(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): { output: Readable; ended: Promise<RunResult> } {
  const child = start(command, args, options);
  const isAlone = endWithWork(child);
  const stderr = collect(child.stderr, options, 'stderr');
  const status = ended(command, child, options).finally(isAlone);
  return {
    output: child.stdout ?? Readable.from([]),
    ended: status.then(code => ({ status: code, stdout: '', stderr: stderr() })),
  };
}

function start(command: string, args: readonly string[], options: RunOptions): ChildProcess {
  const own = options.env ?? {};
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: options.cleanEnv ? own : { ...process.env, ...own },
    stdio: options.terminal ? 'inherit' : [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    detached: options.group === true,
    ...(!options.group && { signal: options.signal }),
  });
  // A program that ends without reading its input closes the pipe: its exit status tells the story.
  child.stdin?.on('error', () => {});
  if (child.stdin && options.input instanceof Readable) pipeline(options.input, child.stdin).catch(() => {});
  else child.stdin?.end(options.input);
  return child;
}

async function ended(command: string, child: ChildProcess, options: RunOptions): Promise<number> {
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
    });
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    const remedy = options.package ? `; install the package ${options.package}` : '';
    throw new MusterError('tool-missing', `The program '${command}' is not installed${remedy}.`, { cause: error });
  }
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

/** Words that make a program die with its parent: `prctl(2)` PR_SET_PDEATHSIG. */
export const DIES_WITH_PARENT: readonly string[] = ['setpriv', '--pdeathsig', 'KILL', '--'];

/** As `run`, and an exit status other than 0 is `tool-failed` with the program's last words. */
export async function runOk(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const result = await run(command, args, options);
  if (result.status === 0) return result.stdout;
  throw toolFailed([command, ...args].join(' '), result);
}

/**
 * Returns the error of a program that failed, with its last words; a full disk has its own code.
 * @param what the command, or what people call it; it is quoted
 * @param where follows it: `in the image 'Img'`
 */
export function toolFailed(what: string, { status, stdout, stderr }: RunResult, where?: string): MusterError {
  const name = `'${what}'${where === undefined ? '' : ` ${where}`}`;
  const full = /^.*(?:No space left on device|ENOSPC).*$/im.exec(`${stderr}\n${stdout}`)?.[0];
  if (full !== undefined) return new MusterError('disk-full', `${name} found no room on the disk: ${full.trim()}`);
  return new MusterError('tool-failed', `${name} ended with status ${status}: ${lastLines(stderr || stdout, 5)}`);
}

/** Runs a program on the terminal of this one; answers its exit status. */
export async function runOnTerminal(command: string, args: readonly string[], packageName?: string): Promise<number> {
  const child = spawn(command, args, { stdio: 'inherit' });
  return new Promise((resolve, reject) => {
    child.once('error', error => {
      const remedy = packageName ? `; install the package ${packageName}` : '';
      reject(new MusterError('tool-missing', `The program '${command}' cannot be started${remedy}.`, { cause: error }));
    });
    child.once('close', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
  });
}

function lastLines(text: string, count: number): string {
  return text.trim().split('\n').slice(-count).join('; ') || 'it said nothing';
}

function stopAfter(child: ReturnType<typeof spawn>, milliseconds: number): () => void {
  let kill: NodeJS.Timeout | undefined;
  const term = setTimeout(() => {
    child.kill('SIGTERM');
    kill = setTimeout(() => child.kill('SIGKILL'), 2000);
  }, milliseconds);
  return () => {
    clearTimeout(term);
    clearTimeout(kill);
  };
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
