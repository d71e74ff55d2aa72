// A separate network for one lab: an unnamed network namespace that exists as long as a process is in it.
import { type ChildProcess, spawn } from 'node:child_process';
import { MusterError } from '../src/errors.ts';
import { DIES_WITH_PARENT, run, runOk } from '../src/process/run.ts';
import { SYSTEM_PATH } from './process.ts';

export interface Namespace {
  /** Returns arguments before a program, so that it runs inside and dies with this process. */
  command(words: readonly string[]): string[];
  /** Runs a program inside, to its end; any status but 0 is an error. */
  run(words: readonly string[], input?: string): Promise<string>;
  /** Releases the namespace: it ends, with everything in it, when the last program inside has ended. */
  close(): Promise<void>;
}

/** Returns arguments for `unshare`: without root, the namespace is in a user namespace in which the caller is root. */
function unshareFlags(root: boolean): string[] {
  return root ? ['--net', '--mount'] : ['--user', '--map-root-user', '--net', '--mount'];
}

/** Makes the namespace; the program that holds it open ends when this process ends, because its input then closes. */
export async function openNamespace(): Promise<Namespace> {
  const root = process.getuid?.() === 0;
  await mustBePossible(root);
  const holder = spawn('unshare', [...unshareFlags(root), 'sh', '-c', 'echo ready && exec cat'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true,
  });
  const ended = new Promise<void>(resolve => {
    holder.once('exit', () => resolve());
    holder.once('error', () => resolve());
  });
  await ready(holder, ended);
  const join = ['nsenter', '--target', String(holder.pid), ...joinFlags(root), '--'];
  const command = (words: readonly string[]): string[] => [...join, ...DIES_WITH_PARENT, ...words];
  return {
    command,
    async run(words, input) {
      const [program = '', ...args] = command(words);
      return await runOk(program, args, { env: { PATH: SYSTEM_PATH }, ...(input !== undefined && { input }) });
    },
    async close() {
      holder.stdin?.end();
      await ended;
    },
  };
}

function joinFlags(root: boolean): string[] {
  return root ? ['--net'] : ['--user', '--preserve-credentials', '--net'];
}

async function ready(holder: ChildProcess, ended: Promise<void>): Promise<void> {
  // A program that ends early closes the pipe: `ended` reports it.
  holder.stdin?.on('error', () => {});
  const said = new Promise<boolean>(resolve => holder.stdout?.once('data', () => resolve(true)));
  if (!(await Promise.race([said, ended.then(() => false)]))) {
    throw new MusterError('tool-failed', 'The namespace of the lab ended at once.');
  }
}

async function mustBePossible(root: boolean): Promise<void> {
  const { status, stderr } = await run('unshare', [...unshareFlags(root), 'true'], { package: 'util-linux' });
  if (status === 0) return;
  const reason = stderr.trim().split('\n').at(-1) ?? '';
  throw new MusterError(
    'not-allowed',
    root
      ? `The lab needs network namespaces, and this machine does not allow them (${reason}). In a container, give it CAP_SYS_ADMIN and CAP_NET_ADMIN.`
      : `The lab needs unprivileged user namespaces, and this machine does not allow them (${reason}). Run it as root, or allow them: sysctl kernel.unprivileged_userns_clone=1 (Debian), kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu), user.max_user_namespaces=10000 (RHEL).`,
  );
}
