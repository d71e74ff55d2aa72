// A long-running child of the lab: its output in a log file, and its end with the lab, however that ends.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { MusterError } from '../src/errors.ts';

export interface LabProcess {
  readonly name: string;
  readonly pid: number;
  readonly log: string;
  /** Its exit status (128 + signal number when a signal ended it), once it has ended. */
  readonly exited: Promise<number>;
  /** The exit status so far: undefined while it runs. */
  status(): number | undefined;
  kill(signal: NodeJS.Signals): void;
  /** SIGTERM, and SIGKILL if it still runs after `graceMs`. Returns when the process is gone. */
  stop(graceMs?: number): Promise<number>;
}

export interface LabProcessSpec {
  /** For messages: `musterd`, `qemu n0`. */
  name: string;
  /** Program and arguments. The kernel kills it (PDEATHSIG) when this process ends, also by SIGKILL. */
  command: readonly string[];
  /** Standard output and error are appended to this file. */
  log: string;
  env?: Record<string, string>;
}

/**
 * The caller's PATH without npm's own folders, which have programs with names of the system's; then the folders that an ordinary
 * user's PATH lacks.
 */
export const SYSTEM_PATH = systemPath(process.env['PATH'] ?? '');

export function systemPath(path: string): string {
  const own = path.split(':').filter(folder => folder && !folder.includes('node_modules'));
  return [...new Set([...own, '/usr/sbin', '/usr/bin', '/sbin', '/bin'])].join(':');
}

export async function startProcess(spec: LabProcessSpec): Promise<LabProcess> {
  const output = openSync(spec.log, 'a', 0o600);
  const [program = '', ...args] = spec.command;
  const env = { ...process.env, PATH: SYSTEM_PATH, ...spec.env };
  let child: ChildProcess;
  try {
    // A separate process group: a Ctrl-C in the terminal is for the lab, which then stops things in order.
    child = spawn(program, args, { stdio: ['ignore', output, output], env, detached: true });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
  } catch (error) {
    throw new MusterError('tool-missing', `${spec.name}: '${program}' cannot be started.`, { cause: error });
  } finally {
    closeSync(output);
  }
  let status: number | undefined;
  const exited = new Promise<number>(resolve => {
    child.once('exit', (code, signal) => {
      status = code ?? 128 + (signal ? constants.signals[signal] : 0);
      resolve(status);
    });
  });
  return {
    name: spec.name,
    pid: child.pid ?? 0,
    log: spec.log,
    exited,
    status: () => status,
    kill: signal => void child.kill(signal),
    async stop(graceMs = 5000) {
      if (status !== undefined) return status;
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
      try {
        return await exited;
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

/** The last lines of a log file, for an error message. */
export async function tailOf(file: string, lines = 20): Promise<string> {
  try {
    const content = await readFile(file, 'utf8');
    return content.trimEnd().split('\n').slice(-lines).join('\n');
  } catch {
    return '';
  }
}
