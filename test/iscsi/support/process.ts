// A target in a process of its own, and other programs, for tests with real clients: started here, ended here, by pid.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const SERVE = fileURLToPath(new URL('../serve.js', import.meta.url));

export interface Running {
  port: number;
  pid: number;
  /** Ends it, waits until it has ended, and answers how it ended: an exit status, or a signal's name. */
  stop(): Promise<number | string>;
}

/** Starts `serve.ts` on a free port of loopback. @param env CHAP accounts */
export async function startServe(args: readonly string[], env: Record<string, string> = {}): Promise<Running> {
  const child = spawn(process.execPath, [SERVE, ...args, '--quiet'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  const stop = async (): Promise<number | string> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    return child.exitCode ?? child.signalCode ?? 'unknown';
  };
  const line = await firstLine(child);
  const port = Number(line?.match(/^ready (\d+)$/)?.[1]);
  if (!port) {
    await stop();
    throw new Error(`the target did not start: ${line}`);
  }
  return { port, pid: child.pid ?? 0, stop };
}

async function firstLine(child: ChildProcess): Promise<string | undefined> {
  if (!child.stdout) return undefined;
  for await (const line of createInterface({ input: child.stdout })) return line;
  return undefined;
}
