// Two network namespaces with one cable, for benchmarks whose server and clients must not share a network stack's short cuts.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { run, runOk } from '../../src/process/run.ts';

/** Processes that are started here end here. */
export class Pair {
  private static count = 0;
  readonly head = `mbh${process.pid}-${++Pair.count}`;
  readonly nodes = `mbn${process.pid}-${Pair.count}`;

  /** @param heads the head's address with its prefix @param clients an address for the other end */
  async open(heads: string, clients: string): Promise<void> {
    for (const name of [this.head, this.nodes]) {
      await runOk('ip', ['netns', 'add', name]);
      await this.ip(name, 'link set lo up');
    }
    await this.ip(this.head, `link add eth0 type veth peer name eth0 netns ${this.nodes}`);
    await this.ip(this.head, `addr add ${heads} dev eth0`);
    await this.ip(this.nodes, `addr add ${clients} dev eth0`);
    for (const name of [this.head, this.nodes]) await this.ip(name, 'link set eth0 up');
  }

  async ip(space: string, words: string): Promise<void> {
    await runOk('ip', ['-n', space, ...words.split(' ')]);
  }

  words(space: string, command: readonly string[]): [string, string[]] {
    return ['ip', ['netns', 'exec', space, ...command]];
  }

  async close(): Promise<void> {
    for (const name of [this.head, this.nodes]) await run('ip', ['netns', 'del', name]);
  }
}

export interface Served {
  child: ChildProcess;
  /** What it said on its first line. */
  first: string;
  stop(): Promise<void>;
}

/** Starts a program and waits for a line of its output (or not); `ip netns exec` becomes the program, with the same id. */
export async function serve(
  [program, args]: readonly [string, readonly string[]],
  options: { ready?: RegExp; env?: Record<string, string> } = {},
): Promise<Served> {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...options.env } });
  const ended = once(child, 'exit');
  let first = '';
  if (options.ready) {
    const { ready } = options;
    first = await new Promise<string>((resolve, reject) => {
      for (const stream of [child.stdout, child.stderr])
        createInterface({ input: stream }).on('line', line => ready.test(line) && resolve(line));
      child.once('exit', status => reject(new Error(`${program} ${args.join(' ')} ended with ${status}`)));
    });
  } else {
    child.stdout.resume();
    child.stderr.resume();
  }
  return {
    child,
    first,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      const kill = setTimeout(() => child.kill('SIGKILL'), 5000);
      await ended;
      clearTimeout(kill);
    },
  };
}

/** Seconds of processor time of a process and its children so far, and its resident memory in MiB. */
export function costOf(pid: number): { cpu: number; memory: number } {
  let [cpu, memory] = [0, 0];
  for (const id of family(pid)) {
    try {
      const fields = readFileSync(`/proc/${id}/stat`, 'latin1')
        .replace(/^.*\) /s, '')
        .split(' ');
      cpu += (Number(fields[11]) + Number(fields[12])) / 100;
      memory += Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${id}/status`, 'latin1'))?.[1] ?? 0) / 1024;
    } catch {
      // It has ended meanwhile.
    }
  }
  return { cpu, memory };
}

function family(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc').filter(entry => /^\d+$/.test(entry))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1')
        .replace(/^.*\) /s, '')
        .split(' ');
      parents.set(Number(name), Number(stat[1]));
    } catch {
      // As above.
    }
  }
  const found = [pid];
  for (const id of found) for (const [child, parent] of parents) if (parent === id) found.push(child);
  return found;
}
