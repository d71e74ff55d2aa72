// Steps that unpack and change images need root: an administrator's command is run again by sudo, in his own workspace.
import { existsSync } from 'node:fs';
import { MusterError } from '../errors.ts';
import { run } from '../process/run.ts';
import type { Context } from './table.ts';
import { userSettings } from './user-settings.ts';

export const isRoot = (): boolean => process.getuid?.() === 0;

/** Runs this command line once more as root; answers its exit status. `what` is said when there is no sudo. */
export async function againAsRoot({ socket }: Context, what: string): Promise<number> {
  if (!['/usr/bin/sudo', '/bin/sudo', '/usr/local/bin/sudo'].some(path => existsSync(path)))
    throw new MusterError(
      'not-allowed',
      `${what} unpacks an image and runs programs inside it: become root, or install sudo.`,
    );
  const { workspace } = userSettings();
  const [, program = '', ...words] = process.argv;
  const names = [`MUSTER_WORKSPACE=${workspace}`, `MUSTER_SOCKET=${socket}`, `HOME=${process.env['HOME'] ?? '/root'}`];
  const argv = ['--', 'env', ...names, process.execPath, program, ...words];
  const { status } = await run('sudo', argv, { terminal: true });
  return status;
}
