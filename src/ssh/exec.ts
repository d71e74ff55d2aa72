// A command on many nodes by ssh, a limited number at once; reports every line as it arrives, and the outcome on each node.
import { connect } from 'node:net';
import { reasonOf } from '../errors.ts';
import { type RunResult, run } from '../process/run.ts';
import { type NodeAddress, nodeSsh, SSH_FAILED, type SshKey, shortSshWords } from './ssh.ts';

export type ExecNews =
  | { name: string; stream: 'stdout' | 'stderr'; line: string }
  | { name: string; status: number }
  /** The command was not run. */
  | { name: string; problem: string };

export interface ExecRequest {
  /** A command line for the shell of root. */
  command: string;
  input?: Uint8Array;
  /** The time limit of each node, in milliseconds. */
  timeoutMs?: number;
  fanout: number;
}

/** Messages of ssh itself, which no command would print. */
const SSH_WORDS =
  /^(ssh: |root@\S+: Permission denied|Permission denied|Connection (closed|reset|timed out)|Host key verification|kex_exchange|Timeout, server|.* port \d+: )/;

/**
 * What ssh runs on the node. It reads the command from standard input, preceded by its number of lines, and leaves the rest to
 * the command: so no process list of the head shows the command. `read` takes no byte too many (POSIX, read).
 */
const READER = `sh -c 'IFS= read -r n; c=; e=$(printf "\\n_"); while [ "\${n:-0}" -gt 0 ]; do IFS= read -r l || exit ${SSH_FAILED}; c="$c$l\${e%_}"; n=$((n-1)); done; exec "\${SHELL:-/bin/sh}" -c "$c"'`;

/** Returns a command, and its standard input, in the reader's format. */
function forReader(command: string, input: Uint8Array = new Uint8Array()): Buffer {
  const lines = command.split('\n');
  return Buffer.concat([Buffer.from(`${lines.length}\n${lines.join('\n')}\n`), input]);
}

/** Runs one command on one node as root. */
export async function runOnNode(
  node: NodeAddress,
  key: SshKey,
  command: string,
  options: {
    input?: Uint8Array;
    signal?: AbortSignal;
    onLine?: (line: string, stream: 'stdout' | 'stderr') => void;
  } = {},
): Promise<RunResult> {
  const { input, ...rest } = options;
  return run('ssh', nodeSsh(node, key.file, READER), {
    package: 'openssh-client',
    keepBytes: 65_536,
    group: true,
    ...rest,
    input: forReader(command, input),
  });
}

/** Returns why ssh did not run the command, or undefined when it did. */
function sshProblem({ status, stderr }: RunResult): string | undefined {
  if (status !== SSH_FAILED) return undefined;
  const words = stderr
    .trim()
    .split(/\r?\n/)
    .findLast(line => SSH_WORDS.test(line));
  return words === undefined ? undefined : `ssh: ${shortSshWords(words)}`;
}

/** Never rejects for a node. After the signal no further node begins, and running ones are ended. */
export async function execOn(
  nodes: readonly NodeAddress[],
  key: SshKey,
  request: ExecRequest,
  told: (news: ExecNews) => void,
  signal: AbortSignal,
): Promise<void> {
  const waiting = [...nodes];
  const work = async (): Promise<void> => {
    for (let node = waiting.shift(); node && !signal.aborted; node = waiting.shift()) {
      await execOne(node, key, request, told, signal);
    }
  };
  await Promise.all(Array.from({ length: Math.min(request.fanout, nodes.length) }, work));
}

async function execOne(
  node: NodeAddress,
  key: SshKey,
  { command, input, timeoutMs }: ExecRequest,
  told: (news: ExecNews) => void,
  signal: AbortSignal,
): Promise<void> {
  const { name } = node;
  const timer = timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs);
  try {
    const result = await runOnNode(node, key, command, {
      ...(input && { input }),
      signal: timer ? AbortSignal.any([signal, timer]) : signal,
      onLine: (line, stream) => {
        if (stream === 'stdout' || !SSH_WORDS.test(line)) told({ name, stream, line });
      },
    });
    if (signal.aborted) return;
    if (timer?.aborted) return told({ name, problem: `not done in ${(timeoutMs ?? 0) / 1000} s, and ended` });
    const problem = sshProblem(result);
    told(problem === undefined ? { name, status: result.status } : { name, problem });
  } catch (error) {
    if (signal.aborted) return;
    told({ name, problem: reasonOf(error) });
  }
}

/** Returns whether nothing answers at the address: a refused connection is an answer too. */
export async function isSilent(ip: string, timeoutMs = 2000): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ host: ip, port: 22 });
    const end = (silent: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(silent);
    };
    const timer = setTimeout(() => end(true), timeoutMs);
    socket.once('connect', () => end(false));
    socket.once('error', error => end((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED'));
  });
}
