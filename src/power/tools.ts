// How drivers run programs: here or on a server by ssh, with limits, time-outs, and secrets that no process list and no error
// shows.
import { setTimeout as delay } from 'node:timers/promises';
import { MusterError } from '../errors.ts';
import { MASK } from '../masking.ts';
import type { Server } from '../model/power-uri.ts';
import { type RunResult, run } from '../process/run.ts';
import { quoteWords } from '../shell-words.ts';
import { type SshKey, serverSsh } from '../ssh/ssh.ts';
import type { Limits } from './limits.ts';

export interface ToolOptions {
  /** Where it runs; here when absent. */
  server?: Server | undefined;
  /** Environment variables that only the program sees. */
  secrets?: readonly { name: string; value: string }[];
  env?: Record<string, string>;
  /** The Debian package that has the program. */
  package?: string;
}

export interface ToolsPorts {
  limits: Limits;
  key: SshKey | undefined;
  timeoutMs: number;
  fanout: number;
  serverFanout: number;
  /** Facts learned about single BMCs, so that each is learned only once. */
  learned: Set<string>;
}

/** A login by ssh may take this much longer than the answer itself, in milliseconds. */
const SSH_MS = 10_000;

export class Tools {
  readonly ports: ToolsPorts;
  private readonly scheme: string;

  constructor(ports: ToolsPorts, scheme: string) {
    this.ports = ports;
    this.scheme = scheme;
  }

  get timeoutMs(): number {
    return this.ports.timeoutMs;
  }

  /** Runs work within the limit of the driver. */
  async limited<T>(work: () => Promise<T>): Promise<T> {
    return this.ports.limits.within(`driver ${this.scheme}`, this.ports.fanout, work);
  }

  /** Runs a program to its end. Returns undefined when it does not end in time; throws when ssh could not start it. */
  async run(program: string, args: readonly string[], options: ToolOptions = {}): Promise<RunResult | undefined> {
    const { server } = options;
    return this.limited(async () =>
      server
        ? this.ports.limits.within(`server ${server.host}`, this.ports.serverFanout, async () =>
            this.runThere(server, program, args, options),
          )
        : this.runHere(program, args, options),
    );
  }

  private async runHere(program: string, args: readonly string[], options: ToolOptions) {
    const secrets = options.secrets ?? [];
    const env = { LC_ALL: 'C', ...options.env, ...Object.fromEntries(secrets.map(({ name, value }) => [name, value])) };
    const result = await inTime(this.timeoutMs, async signal =>
      run(program, args, {
        env,
        signal,
        group: true,
        keepBytes: 65_536,
        ...(options.package && { package: options.package }),
      }),
    );
    return result && scrubbed(result, ...secrets.map(({ value }) => value));
  }

  /** Secrets go over standard input into variables of the remote shell: no command line at either end has them. */
  private async runThere(server: Server, program: string, args: readonly string[], options: ToolOptions) {
    const secrets = options.secrets ?? [];
    const variables = Object.entries({ LC_ALL: 'C', ...options.env }).map(([name, value]) => `${name}=${value}`);
    const taken = secrets.map(({ name }) => `IFS= read -r ${name} && export ${name} && `).join('');
    const script = `${taken}exec ${quoteWords(['env', ...variables, program, ...args])}`;
    const ssh = serverSsh(server, this.ports.key, quoteWords(['sh', '-c', script]));
    const result = await inTime(this.timeoutMs + SSH_MS, async signal =>
      run('ssh', ssh.args, {
        env: ssh.env,
        input: secrets.map(({ value }) => `${value}\n`).join(''),
        signal,
        group: true,
        keepBytes: 65_536,
        package: 'openssh-client',
      }),
    );
    if (!result) return undefined;
    const clean = scrubbed(result, ...secrets.map(({ value }) => value), server.password);
    if (clean.status === 255) throw sshFailure(server, clean.stderr);
    if (clean.status === 127)
      throw new MusterError('tool-missing', `The program '${program}' is not installed on the server ${server.host}.`);
    return clean;
  }
}

function sshFailure(server: Server, stderr: string): MusterError {
  const words = lastLine(stderr) || 'ssh printed nothing';
  const refused = /Permission denied|Host key verification failed/i.test(stderr);
  const hint = /Host key/i.test(stderr)
    ? 'If the server was reinstalled, remove its line from ssh/known_servers below paths.state.'
    : refused
      ? "Add muster's public key (`muster node ssh --public-key`) to the server's authorized_keys, or give user and password in the URI."
      : undefined;
  return new MusterError(refused ? 'bmc-refused' : 'bmc-silent', `The server ${server.host} cannot be used: ${words}`, {
    ...(hint && { hint }),
  });
}

/** Returns the last line of a program's output. */
export function lastLine(text: string): string {
  return text.trim().split(/\r?\n/).at(-1)?.trim() ?? '';
}

/** Undefined when the time is over: the program is then stopped without waiting for it. */
async function inTime(
  milliseconds: number,
  work: (signal: AbortSignal) => Promise<RunResult>,
): Promise<RunResult | undefined> {
  const timer = new AbortController();
  const killer = new AbortController();
  try {
    return await Promise.race([
      work(killer.signal),
      delay(milliseconds, undefined, { signal: timer.signal, ref: false }).then(() => {
        killer.abort();
        return undefined;
      }),
    ]);
  } finally {
    timer.abort();
  }
}

function scrubbed(result: RunResult, ...secrets: (string | undefined)[]): RunResult {
  const clean = (text: string): string =>
    secrets.reduce<string>((left, secret) => (secret ? left.replaceAll(secret, MASK) : left), text);
  return { ...result, stdout: clean(result.stdout), stderr: clean(result.stderr) };
}
