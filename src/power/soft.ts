// What a running system is asked to do itself: /usr/sbin/reboot or /usr/sbin/shutdown by ssh, and how its completion is detected.
import { MusterError, reasonOf } from '../errors.ts';
import type { SoftAction } from '../model/power-actions.ts';
import { SSH_FAILED, shortSshWords } from '../ssh/ssh.ts';
import type { PowerTarget } from './driver.ts';

export interface SoftPorts {
  now(): number;
  sleep(milliseconds: number): Promise<unknown>;
  /** Runs a command on the node as root. */
  run(command: string): Promise<{ status: number; stdout: string; stderr: string }>;
  /** Returns whether nothing at all answers at the node's address. */
  isSilent(): Promise<boolean>;
  /** Returns whether the node has begun a new boot. */
  hasBootedSince(milliseconds: number): boolean;
}

/** Printed before the system goes down: a later broken connection is no failure. */
const ASKED = 'muster-asked';

const COMMANDS: Record<SoftAction, string> = {
  reboot: '/usr/sbin/reboot',
  shutdown: '/usr/sbin/shutdown -h now',
};

/** How long a refused connection is retried, in milliseconds. */
const REFUSED_MS = 10_000;

/** The pause between two checks for completion, in milliseconds. */
const LOOK_MS = 1000;

/** How often in a row nothing must answer, so that a lost packet does not count as a machine that went down. */
const SILENCES = 2;

/** Throws `node-unreachable` with the reason when the system was not reached, `timed-out` when it did not act. */
export async function actSoft(
  action: SoftAction,
  target: PowerTarget | undefined,
  timeoutMs: number,
  ports: SoftPorts,
): Promise<void> {
  const begun = ports.now();
  await ask(action, ports);
  let silences = 0;
  while (ports.now() - begun < timeoutMs) {
    await ports.sleep(LOOK_MS);
    if (action === 'reboot' && ports.hasBootedSince(begun)) return;
    if (action === 'shutdown' && target) {
      // A BMC that once does not answer is asked again: the time is limited anyway.
      if ((await target.status().catch(() => 'unknown')) === 'off') return;
      continue;
    }
    silences = (await ports.isSilent()) ? silences + 1 : 0;
    if (silences >= SILENCES) return;
  }
  throw new MusterError(
    'timed-out',
    `the system was asked and did not ${action === 'reboot' ? 'go down' : 'power off'} in ${timeoutMs / 1000} s`,
  );
}

/** A system that has just come up may report so before its sshd listens. */
async function ask(action: SoftAction, ports: SoftPorts): Promise<void> {
  const begun = ports.now();
  for (;;) {
    const refusal = await askOnce(action, ports);
    if (!refusal) return;
    const isEarly = refusal.isRefused && ports.now() - begun < REFUSED_MS;
    if (!isEarly) throw new MusterError('node-unreachable', refusal.text);
    await ports.sleep(LOOK_MS);
  }
}

async function askOnce(
  action: SoftAction,
  ports: SoftPorts,
): Promise<{ text: string; isRefused: boolean } | undefined> {
  const { status, stdout, stderr } = await ports
    .run(`echo ${ASKED}; exec ${COMMANDS[action]}`)
    .catch(error => ({ status: SSH_FAILED, stdout: '', stderr: reasonOf(error) }));
  const wasAsked = stdout.includes(ASKED);
  if (status === 0 || (status === SSH_FAILED && wasAsked)) return undefined;
  const words = shortSshWords(stderr.trim().split('\n').at(-1) || `status ${status}`);
  const text = wasAsked ? `${COMMANDS[action]} failed on the node: ${words}` : `ssh: ${words}`;
  return { text, isRefused: /Connection refused/.test(words) };
}
